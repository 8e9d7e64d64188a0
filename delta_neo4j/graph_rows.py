"""Frozen rows shaped for the writer's passes, and the passes run over them: nodes first, then relationships."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import cypher, staging
from delta_neo4j.model.weights import MAX_TOKENS
from delta_neo4j.passes import NODE_ROWS, RELATIONSHIP_ROWS, LookUpPass, NodePass, RelationshipPass
from delta_neo4j.source import raw_column
from delta_neo4j.validation import end_key, typed

if TYPE_CHECKING:
    from delta_neo4j.embedding.cache import EmbeddingCache, Vectors
    from delta_neo4j.pipeline import LoadStep
    from delta_neo4j.plan import Relationship
    from delta_neo4j.writer import Pass, Written


FEW_TEXTS = 5_000  # 8 MB of vectors: what every task may be sent with its function


def by_slice(cache: EmbeddingCache, rows: DataFrame, vectors: Vectors, path: str) -> DataFrame:
    """
    Take the vectors of a micro-batch out of the cache once, kept by slice: (`text_hash`, `vector`, `tokens`, `slice`).

    Without it each slice would read every part that any of them needs.
    """
    pairs = rows.where("text_hash IS NOT NULL").select("text_hash", staging.SLICE).distinct()
    found = pairs.join(cache.of(vectors), "text_hash")
    found.write.mode("overwrite").partitionBy(staging.SLICE).parquet(path)
    return rows.sparkSession.read.schema(found.schema).parquet(path)


@dataclass
class GraphWriter:
    """Writes the rows of one slice; keeps the bookmarks that make one pass see the one before."""

    step: LoadStep
    batch_id: int
    refusals_allowed: int
    vectors: Vectors | None = None
    bookmarks: tuple[str, ...] = field(default=())

    def split_faulted(self, rows: DataFrame, faults: dict[str, str]) -> tuple[DataFrame, DataFrame]:
        """Part rows into those to write and those whose text has no vector (with `embedding_fault`)."""
        found = rows.sparkSession.createDataFrame(list(faults.items()), "text_hash STRING, embedding_fault STRING")
        joined = rows.join(F.broadcast(found), "text_hash", "left")
        sound = joined.where(F.col("embedding_fault").isNull()).drop("embedding_fault")
        return sound, joined.where(F.col("embedding_fault").isNotNull())

    def look_up(self, rows: DataFrame) -> Written:
        """Find the rows that the graph has whole, by their hashes alone: no vector is read, no property sent."""
        step, table = self.step, self.step.table
        rows, cut = step.hook("look_up", rows), F.lit(0)
        if self.vectors is not None:
            # Texts that the model cuts are few; the others have 0.
            beyond = F.col("tokens").isNull() | (F.col("tokens") > MAX_TOKENS)
            cut_texts = (
                step.cache.of(self.vectors).where(beyond).select("text_hash", "tokens", F.lit(1).alias("beyond"))
            )
            rows = rows.join(F.broadcast(cut_texts), "text_hash", "left")
            cut = F.when(F.col("beyond").isNull(), 0).otherwise((F.col("tokens") > MAX_TOKENS).cast("int"))
        _, without, _ = self._vector_columns(in_tasks=True)
        columns = [*self._identity(), F.col("rel_hash").alias("r"), *self._flags(without, cut)]
        work = LookUpPass(
            connection=step.connection,
            statement=cypher.keep_unchanged(table),
            parameters={"source": f"{step.source_token}:"},
            metadata=self._metadata("look-up"),
            key_width=len(table.key),
            batch_rows=min(RELATIONSHIP_ROWS, step.batch_size),
            refusals_allowed=self.refusals_allowed,
            edges=len(table.relationships),
        )
        return self._run(rows.select(*columns).coalesce(step.write_partitions), work)

    def nodes(self, rows: DataFrame) -> Written:
        """Upsert the rows' nodes; a key has one winner, so no two writers meet on one however rows are dealt."""
        step, table = self.step, self.step.table
        rows, texts = step.hook("nodes", rows), None
        if self.vectors is not None:
            # A vector is as large as ten rows. Few of them go to the tasks once, not into every row.
            if self.vectors.count <= FEW_TEXTS:
                held = step.cache.of(self.vectors).collect()
                texts = {row["text_hash"]: (bytes(row["vector"]), row["tokens"]) for row in held}
            else:
                rows = step.cache.attach(rows, self.vectors)
        work = NodePass(
            connection=step.connection,
            statement=cypher.upsert_nodes(table),
            parameters={"owner": cypher.OWNER, "source": f"{step.source_token}:"},
            metadata=self._metadata("nodes"),
            key_width=len(table.key),
            batch_rows=min(NODE_ROWS, step.batch_size),
            refusals_allowed=self.refusals_allowed,
            names=tuple(p.name for p in table.properties if not cypher.is_temporal(p)),
            temporals=sum(map(cypher.is_temporal, table.properties)),
            vector_name=table.embedding.property if table.embedding else None,
            texts=texts,
            max_tokens=MAX_TOKENS,
            edges=len(table.relationships),
        )
        return self._run(self._node_columns(rows, in_tasks=texts is not None).coalesce(step.write_partitions), work)

    def relationships(self, rows: DataFrame, position: int, *, stamp: bool) -> Written:
        """
        Merge one relationship type, partitioned by its hub so that no two writers lock the same one.

        Without `stamp` the rows are not marked as done, because an earlier pass refused one of their edges.
        """
        step, table = self.step, self.step.table
        relationship = table.relationships[position]
        shaped = step.hook(f"relationships {relationship.type}", self._edge_columns(rows, relationship))
        work = RelationshipPass(
            connection=step.connection,
            statement=cypher.merge_relationships(table, position),
            parameters={"owner": cypher.OWNER, "stamp": stamp},
            metadata=self._metadata(relationship.type),
            key_width=len(table.key),
            batch_rows=min(RELATIONSHIP_ROWS, step.batch_size),
            refusals_allowed=self.refusals_allowed,
            bookmarks=self.bookmarks,
            end_width=len(relationship.end_key),
        )
        hub = [F.coalesce(F.col(f"t{i}").cast("string"), F.col("k0").cast("string")) for i in range(work.end_width)]
        # A hub's rows together: its record is locked and its chain walked once a transaction.
        dealt = shaped.repartition(step.write_partitions, *hub).sortWithinPartitions(*hub)
        return self._run(dealt, work)

    def _run(self, rows: DataFrame, work: Pass) -> Written:
        written = self.step.reach.write(rows, work)
        self.bookmarks = written.bookmarks or self.bookmarks
        return written

    def _node_columns(self, rows: DataFrame, *, in_tasks: bool) -> DataFrame:
        table = self.step.table
        plain = [p for p in table.properties if not cypher.is_temporal(p)]
        columns = [typed(table, p).alias(f"p{i}") for i, p in enumerate(plain)]
        columns += [typed(table, p).alias(f"d{i}") for i, p in enumerate(filter(cypher.is_temporal, table.properties))]
        vector, without, cut = self._vector_columns(in_tasks=in_tasks)
        return rows.select(*self._identity(), *columns, *vector, *self._flags(without, cut))

    def _flags(self, without: Column, cut: Column) -> list[Column]:
        ends = [_ends(self.step, relationship) for relationship in self.step.table.relationships]
        edges = [_flag(_whole(parts)).alias(f"e{i}") for i, parts in enumerate(ends)]
        return [without.alias("w"), cut.alias("x"), *edges]

    def _vector_columns(self, *, in_tasks: bool) -> tuple[list[Column], Column, Column]:
        """Give the columns that bring the vector, and whether a row has none, and whether its text is cut."""
        embedding, none = self.step.table.embedding, F.lit(0)
        if embedding and embedding.vector_column:
            vector = F.col(raw_column(self.step.table, embedding.vector_column))
            has_vector = vector.isNotNull()
            return [vector.alias("vector"), has_vector.alias("has_vector")], _flag(~has_vector), none
        if embedding is None:
            return [], none, none
        text = F.col("text_hash")
        if in_tasks:
            return [text], _flag(text.isNull()), none
        cut = F.when(text.isNull(), 0).otherwise((F.col("tokens") > MAX_TOKENS).cast("int"))
        return [F.col("vector"), text.isNotNull().alias("has_vector")], _flag(text.isNull()), cut

    def _edge_columns(self, rows: DataFrame, relationship: Relationship) -> DataFrame:
        ends = _ends(self.step, relationship)
        # A key with a part missing is no key: all its parts become null together.
        parts = [F.when(_whole(ends), end).alias(f"t{i}") for i, end in enumerate(ends)]
        # Rows without an end take part too: an edge they had before must go, and the last pass stamps every row.
        return rows.select(*self._identity(), F.col("rel_hash").alias("r"), *parts)

    def _identity(self) -> list[Column]:
        step = self.step
        version = f"{step.source_token}:{step.load.version(self.batch_id):016x}"
        keys = [typed(step.table, p).alias(f"k{i}") for i, p in enumerate(step.table.key)]
        return [*keys, F.lit(version).alias("v"), F.col("content_hash").alias("h")]

    def _metadata(self, stage: str) -> dict[str, Any]:
        return {"app": "delta-neo4j", "run": self.step.run_id, "batch": self.batch_id, "stage": stage}


def _flag(condition: Column) -> Column:
    return F.when(condition, 1).otherwise(0)


def _ends(step: LoadStep, relationship: Relationship) -> list[Column]:
    return [end_key(step.table, prop) for prop in relationship.end_key]


def _whole(parts: list[Column]) -> Column:
    whole = parts[0].isNotNull()
    for part in parts[1:]:
        whole = whole & part.isNotNull()
    return whole
