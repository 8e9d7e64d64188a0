"""Frozen rows shaped for the writer's passes, and the passes run over them: nodes first, then relationships."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import cypher
from delta_neo4j.embedding.tokens import MAX_TOKENS
from delta_neo4j.source import raw_column
from delta_neo4j.validation import end_key, typed
from delta_neo4j.writer import (
    NODE_ROWS,
    OUTPUT,
    RELATIONSHIP_ROWS,
    NodePass,
    RelationshipPass,
    Written,
    gather,
)

if TYPE_CHECKING:
    from delta_neo4j.embedding.cache import Vectors
    from delta_neo4j.pipeline import LoadStep
    from delta_neo4j.plan import Relationship


FEW_TEXTS = 20_000  # 30 MB of vectors: what every task may be sent


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

    def nodes(self, rows: DataFrame) -> Written:
        """Upsert the rows' nodes; a key has one winner, so no two writers meet on one however rows are dealt."""
        step, table = self.step, self.step.table
        shaped = self._node_columns(self._with_vectors(step.hook("nodes", rows)))
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
            edges=len(table.relationships),
        )
        return self._run(shaped.coalesce(step.write_partitions), work)

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
        return self._run(shaped.repartition(step.write_partitions, *hub), work)

    def _run(self, rows: DataFrame, work: NodePass | RelationshipPass) -> Written:
        written = gather(rows.mapInArrow(work, OUTPUT).collect())
        self.bookmarks = written.bookmarks or self.bookmarks
        return written

    def _with_vectors(self, rows: DataFrame) -> DataFrame:
        if self.vectors is None:
            return rows
        # A vector is as large as ten rows: with few of them the vectors go to the rows, else both are shuffled.
        return self.step.cache.attach(rows, self.vectors, few=self.vectors.count <= FEW_TEXTS)

    def _node_columns(self, rows: DataFrame) -> DataFrame:
        table = self.step.table
        plain = [p for p in table.properties if not cypher.is_temporal(p)]
        columns = [typed(table, p).alias(f"p{i}") for i, p in enumerate(plain)]
        columns += [typed(table, p).alias(f"d{i}") for i, p in enumerate(filter(cypher.is_temporal, table.properties))]
        without, cut = F.lit(0), F.lit(0)
        if table.embedding and table.embedding.text_column:
            columns += [F.col("vector"), F.col("text_hash").isNotNull().alias("has_vector")]
            without = F.when(F.col("text_hash").isNull(), 1).otherwise(0)
            cut = F.when(F.col("text_hash").isNull(), 0).otherwise((F.col("tokens") > MAX_TOKENS).cast("int"))
        elif table.embedding and table.embedding.vector_column:
            vector = F.col(raw_column(table, table.embedding.vector_column))
            columns += [vector.alias("vector"), vector.isNotNull().alias("has_vector")]
            without = F.when(vector.isNull(), 1).otherwise(0)
        edges = [
            F.when(_whole(_ends(self.step, r)), 1).otherwise(0).alias(f"e{i}")
            for i, r in enumerate(table.relationships)
        ]
        return rows.select(*self._identity(), *columns, without.alias("w"), cut.alias("x"), *edges)

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


def _ends(step: LoadStep, relationship: Relationship) -> list[Column]:
    return [end_key(step.table, prop) for prop in relationship.end_key]


def _whole(parts: list[Column]) -> Column:
    whole = parts[0].isNotNull()
    for part in parts[1:]:
        whole = whole & part.isNotNull()
    return whole
