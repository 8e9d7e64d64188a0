"""Frozen rows shaped for the writer's passes, and the passes run over them: nodes first, then relationships."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.cypher import edges, nodes
from delta_neo4j.cypher import removal as removal_text
from delta_neo4j.cypher.common import OWNER, is_temporal
from delta_neo4j.graph_columns import bags, edge_columns, flag, identity, piece_column, property_columns, whole
from delta_neo4j.model.weights import MAX_TOKENS
from delta_neo4j.passes import (
    NODE_ROWS,
    RELATIONSHIP_ROWS,
    ChunkPass,
    DeletePass,
    EdgePass,
    LookUpPass,
    NodePass,
    RelationshipPass,
    TextPass,
)
from delta_neo4j.ranking import digest
from delta_neo4j.removal import parameters
from delta_neo4j.source import raw_column
from delta_neo4j.validation import end_key, text
from delta_neo4j.writer import Written

if TYPE_CHECKING:
    from delta_neo4j.embedding.cache import Vectors
    from delta_neo4j.pipeline import LoadStep
    from delta_neo4j.plan import Table
    from delta_neo4j.writer import Pass


SENT_BYTES = 800_000  # of vectors inside a pass: Spark puts a function of a megabyte on disk, and with it the password


def travels_with_pass(texts: int, dimension: int) -> bool:
    """Tell whether the vectors of so many texts are few enough to be a part of the function that writes them."""
    return texts * (4 * dimension + 80) <= SENT_BYTES


@dataclass
class GraphWriter:
    """Writes the rows of one slice; keeps the bookmarks that make one pass see the one before."""

    step: LoadStep
    batch_id: int
    refusals_allowed: int
    vectors: Vectors | None = None
    bookmarks: tuple[str, ...] = field(default=())

    def look_up(self, rows: DataFrame) -> Written:
        """Find the rows that the graph has whole, by their hashes alone: no vector is read, no property sent."""
        table = self.step.table
        rows, cut = self._with_cut(self.step.hook("look_up", rows))
        columns = [*self._identity(), F.col("rel_hash").alias("r"), *self._flags(self._without(), cut)]
        work = LookUpPass(
            **self._common("look-up", RELATIONSHIP_ROWS),
            statement=nodes.keep_unchanged(table),
            parameters={"source": f"{self.step.source_token}:"},
            edges=len(table.edge_types),
        )
        return self._run(rows.select(*columns).coalesce(self.step.write_partitions), work)

    def nodes(self, rows: DataFrame) -> Written:
        """Upsert the rows' nodes; a key has one winner, so no two writers meet on one however rows are dealt."""
        step, table = self.step, self.step.table
        rows, texts, vector = step.hook("nodes", rows), None, table.vector_on_row
        vectors: list[Column] = []
        cut: Column = F.lit(0)
        if vector and vector.vector:
            ready = F.col(raw_column(table, vector.vector))
            vectors = [ready.alias("vector"), ready.isNotNull().alias("has_vector")]
        elif vector and self.vectors is not None and travels_with_pass(self.vectors.count, vector.index.dimension):
            # A vector is as large as ten rows. Few of them go to the tasks once, not into every row.
            held = step.cache.of(self.vectors).collect()
            texts = {row["text_hash"]: (bytes(row["vector"]), row["tokens"]) for row in held}
            vectors = [F.col("text_hash")]
        elif vector and self.vectors is not None:
            rows = step.cache.attach(rows, self.vectors)
            vectors = [F.col("vector"), F.col("text_hash").isNotNull().alias("has_vector")]
            cut = F.when(F.col("text_hash").isNull(), 0).otherwise((F.col("tokens") > MAX_TOKENS).cast("int"))
        else:
            rows, cut = self._with_cut(rows)
        work = NodePass(
            **self._common("nodes", NODE_ROWS),
            statement=nodes.upsert_nodes(table),
            parameters={"owner": OWNER, "source": f"{step.source_token}:", "maps": self._maps()},
            bags=bags(table.properties),
            temporals=sum(map(is_temporal, table.properties)),
            vector_name=vector.property if vector else None,
            texts=texts,
            max_tokens=MAX_TOKENS,
            edges=len(table.edge_types),
        )
        columns = [*self._identity(), *property_columns(table, table.properties), *vectors]
        shaped = rows.select(*columns, *self._flags(self._without(), cut))
        return self._run(shaped.coalesce(step.write_partitions), work)

    def texts(self, rows: DataFrame) -> Written:
        """Upsert one node a distinct text of these rows, with its vector."""
        step, table = self.step, self.step.table
        holder, embedding = table.text_nodes, table.embedding
        if holder is None or embedding is None or self.vectors is None:
            return Written(Counter(), [], self.bookmarks)
        told = step.hook("texts", rows.where("text_hash IS NOT NULL").select("text_hash", text(table).alias("t")))
        distinct = told.groupBy("text_hash").agg(F.first("t").alias("t"))
        model = digest([F.lit(step.cache.model_id), F.lit(embedding.property)]).alias("h")
        shaped = step.cache.attach(distinct, self.vectors).select(F.col("text_hash").alias("k0"), "t", "vector", model)
        work = TextPass(
            **self._common("texts", NODE_ROWS, key_width=1),
            statement=nodes.upsert_texts(holder, embedding.property),
            parameters={"owner": OWNER},
        )
        return self._run(shaped.repartition(step.write_partitions, "k0"), work)

    def relationships(self, rows: DataFrame, position: int, *, stamp: bool) -> Written:
        """
        Merge one relationship type, partitioned by its hub so that no two writers lock the same one.

        Without `stamp` the rows are not marked as done, because an earlier pass refused one of their edges.
        """
        step, table = self.step, self.step.table
        relationship = table.relationships[position]
        columns = [*self._identity(), F.col("rel_hash").alias("r"), *edge_columns(table, relationship)]
        shaped = step.hook(f"relationships {relationship.type}", rows.select(*columns))
        work = RelationshipPass(
            **self._common(relationship.type, RELATIONSHIP_ROWS),
            statement=edges.merge_relationships(table, position),
            parameters={"owner": OWNER, "stamp": stamp},
            end_width=len(relationship.end_key),
            sibling_widths=tuple(len(each.end_key) for each in table.siblings(relationship)),
            bags=bags(relationship.properties, relationship.absent) if relationship.has_content else None,
            temporals=sum(map(is_temporal, relationship.properties)),
        )
        hub = [F.coalesce(F.col(f"t{i}").cast("string"), F.col("k0").cast("string")) for i in range(work.end_width)]
        # A hub's rows together: its record is locked and its chain walked once a transaction.
        dealt = shaped.repartition(step.write_partitions, *hub).sortWithinPartitions(*hub)
        return self._run(dealt, work)

    def chunks(self, rows: DataFrame, pieces: DataFrame, *, stamp: bool) -> Written:
        """Give rows the `pieces` (`text_hash`, `index`, `piece`, `piece_hash`) of their text, each with its vector."""
        step, table = self.step, self.step.table
        holder, embedding = table.chunks, table.embedding
        if holder is None or embedding is None or self.vectors is None:
            return Written(Counter(), [], self.bookmarks)
        vectors = step.cache.of(self.vectors).withColumnRenamed("text_hash", "piece_hash")
        in_order = F.sort_array(F.collect_list(F.struct("index", "piece", "vector"))).alias("pieces")
        held = pieces.join(vectors, "piece_hash", "left").groupBy("text_hash").agg(in_order)
        rows = step.hook("chunks", rows).join(held, "text_hash", "left")
        shaped = rows.select(*self._identity(), F.col("rel_hash").alias("r"), piece_column(table).alias("c"))
        work = ChunkPass(
            **self._common(holder.relationship, NODE_ROWS),
            statement=nodes.upsert_chunks(table, holder, embedding.property),
            parameters={**parameters(table), "stamp": stamp},
        )
        return self._run(shaped.coalesce(step.write_partitions), work)

    def edges(self, rows: DataFrame) -> Written:
        """Upsert the rows of an edge list, partitioned by the end that fewer different nodes stand at."""
        step, table = self.step, self.step.table
        edge = table.edge
        if edge is None:
            raise ValueError(f"table {table.name} is no edge list")
        width = len(edge.start_key)
        shaped = step.hook("edges", rows.select(*self._identity(), *property_columns(table, table.properties)))
        names = [f"k{i}" for i in range(len(table.key))]
        hub = self._hub(shaped, names[:width], names[width:])
        work = EdgePass(
            **self._common(edge.type, NODE_ROWS),
            statement=edges.merge_edges(table),
            parameters={"owner": OWNER, "source": f"{step.source_token}:"},
            bags=bags(table.properties, absent=table.retired.properties),
            temporals=sum(map(is_temporal, table.properties)),
            skips=edge.on_missing == "skip",
            start_width=width,
        )
        return self._run(shaped.repartition(step.write_partitions, *hub).sortWithinPartitions(*hub), work)

    def delete(self, rows: DataFrame, table: Table) -> Written:
        """Take away what the rows with these keys put into the graph."""
        work = DeletePass(
            **self._common("delete", NODE_ROWS), statement=removal_text.delete_rows(table), parameters=parameters(table)
        )
        shaped = self.step.hook("delete", rows.select(*self._identity()))
        return self._run(shaped.repartition(self.step.write_partitions, "k0"), work)

    @staticmethod
    def _hub(rows: DataFrame, start: list[str], end: list[str]) -> list[str]:
        counts = rows.agg(F.approx_count_distinct(F.struct(*start)), F.approx_count_distinct(F.struct(*end))).collect()[
            0
        ]
        return start if counts[0] <= counts[1] else end

    def _run(self, rows: DataFrame, work: Pass) -> Written:
        written = self.step.reach.write(rows, work)
        self.bookmarks = written.bookmarks or self.bookmarks
        return written

    def _common(self, stage: str, most_rows: int, key_width: int | None = None) -> dict[str, Any]:
        step = self.step
        return {
            "connection": step.connection,
            "metadata": {"app": "delta-neo4j", "run": step.run_id, "batch": self.batch_id, "stage": stage},
            "key_width": key_width or len(step.table.key),
            "batch_rows": min(most_rows, step.batch_size),
            "refusals_allowed": self.refusals_allowed,
            "bookmarks": self.bookmarks,
        }

    def _maps(self) -> list[str]:
        table = self.step.table
        return [f"{p.name}." for p in table.properties if p.type == "map"] + [f"{name}." for name in table.retired.maps]

    def _identity(self) -> list[Column]:
        step = self.step
        return identity(step.table, f"{step.source_token}:{step.load.version(self.batch_id):016x}")

    def _with_cut(self, rows: DataFrame) -> tuple[DataFrame, Column]:
        """Join the texts that the model cuts, which are few; give rows and whether a row's text is one."""
        if self.vectors is None or self.vectors.long == 0 or self.step.table.chunks:
            return rows, F.lit(0)
        beyond = F.col("tokens").isNull() | (F.col("tokens") > MAX_TOKENS)
        cut_texts = self.step.cache.of(self.vectors).where(beyond)
        cut_texts = cut_texts.select("text_hash", "tokens", F.lit(1).alias("beyond"))
        cut = F.when(F.col("beyond").isNull(), 0).otherwise((F.col("tokens") > MAX_TOKENS).cast("int"))
        return rows.join(F.broadcast(cut_texts), "text_hash", "left"), cut

    def _without(self) -> Column:
        """Tell whether a row has no vector."""
        embedding = self.step.table.embedding
        if embedding is None:
            return F.lit(0)
        if embedding.vector:
            return flag(F.col(raw_column(self.step.table, embedding.vector)).isNull())
        return flag(F.col("text_hash").isNull())

    def _flags(self, without: Column, cut: Column) -> list[Column]:
        """Give `w`, `x` and how many edges of each type the row has."""
        table = self.step.table
        counts = [
            F.lit(0) if each.retired else flag(whole([end_key(table, p) for p in each.end_key]))
            for each in table.relationships
        ]
        if table.chunks:
            # A text has one piece at least, so one whose pieces are all lost is missed too.
            counts.append(F.coalesce(F.col("piece_count"), flag(F.col("text_hash").isNotNull())))
        return [without.alias("w"), cut.alias("x"), *(count.alias(f"e{i}") for i, count in enumerate(counts))]
