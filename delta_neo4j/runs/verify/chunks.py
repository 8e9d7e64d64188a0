"""The comparison of the chunks of rows' texts: the nodes that the rows should have, and those that they lead to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding.chunks import cut
from delta_neo4j.embedding.tokens import tokenizer_text
from delta_neo4j.graph import scan
from delta_neo4j.graph.passes import differences as kinds
from delta_neo4j.pipeline.texts import required, texts_of
from delta_neo4j.runs.verify import compare
from delta_neo4j.source import ranking

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.runs.verify.expected import Expected
    from delta_neo4j.runs.verify.places import Place

_KINDS = {
    kinds.MISSING: kinds.CHUNK_MISSING,
    kinds.EXTRA: kinds.CHUNK_EXTRA,
    kinds.DIFFERENT: kinds.CHUNK_DIFFERENT,
}


@dataclass(frozen=True)
class ChunkComparison:
    """`compared` has an outcome for each chunk of a row (`compare.outcomes`), `found` the differences."""

    compared: DataFrame
    found: DataFrame

    def extra(self) -> DataFrame:
        """Return the relationships to chunks that no row should have: element id k0, and v as keys need it."""
        extra = self.compared.where(F.col("outcome") == kinds.EXTRA)
        return extra.select(F.col("row.id").alias("k0"), F.lit("").alias("v"))

    def row_keys(self) -> DataFrame:
        """Return the `row_key` of the rows that lack chunks, or whose chunks are different."""
        unequal = F.col("outcome").isin(kinds.MISSING, kinds.DIFFERENT)
        return self.compared.where(unequal).select("row.row_key").distinct()


def chunk_differences(
    graph: scan.GraphScan, rows: Expected, place: Place, compared: DataFrame, letters: DataFrame
) -> ChunkComparison:
    """
    Compare the chunks of the rows that the graph has.

    `compared` are the outcomes of the rows, `letters` is as in `compare.outcomes`. The chunks of a row that is missing
    or extra, or that stands apart, are no differences of their own; nor are those of a key on several rows.
    """
    table = rows.table
    chunks, tokenizer = required(table, tokenizer_text())
    shape = scan.shape_of_chunks(table, chunks, vectors=rows.vectors)
    winners = rows.frozen.where(F.col(ranking.STATE) == ranking.WINNER)
    texts = cut(texts_of(table, winners, "text"), chunks, tokenizer, f"{place.path}/cut")
    chunked, vector = rows.with_vector(winners.join(texts, "text_hash"), "chunk_hash")
    documents = scan.expected_chunks(table, chunked, vector, shape)
    apart = compared.where(~F.col("outcome").isin(compare.EQUAL, kinds.DIFFERENT)).select("row.key")
    if not table.sequence_by:
        apart = apart.unionByName(rows.keys(ranking.SUPERSEDED))
    # A chunk has no version; its row has one.
    known = replace(place.owners, lowest=None, highest=None)
    in_graph = graph.of_chunks(table, chunks, shape).withColumn("version", F.lit(next(iter(known.tokens), "")))
    by_key = compare.outcomes(
        compare.winners(_without(table, documents, apart), several=False),
        _without(table, in_graph, apart),
        known,
        letters=letters,
        unsound=graph.spark.createDataFrame([], "key STRING"),
    )
    by_key = compare.frozen(by_key, f"{place.path}/chunks")
    return ChunkComparison(by_key, _of_rows(table, compare.differences(by_key, (), None)))


def _without(table: Table, documents: DataFrame, apart: DataFrame) -> DataFrame:
    return documents.join(apart.withColumnRenamed("key", "apart"), _row_key(table) == F.col("apart"), "left_anti")


def _row_key(table: Table) -> Column:
    """Return the key of the row, of which the chunk's key is the beginning."""
    return F.to_json(F.slice(F.from_json("key", "array<string>"), 1, len(table.key)))


def _of_rows(table: Table, found: DataFrame) -> DataFrame:
    """Return differences of chunks as those of their rows: each names its chunk in `what`."""
    chunk_id = F.element_at(F.from_json("key", "array<string>"), -1)
    place = F.regexp_extract(chunk_id, r"#(\d+)'$", 1)
    name = F.concat(F.lit("chunk "), F.when(place != "", place).otherwise(F.coalesce(chunk_id, F.lit("without an id"))))
    kind = F.coalesce(*[F.when(F.col("kind") == plain, F.lit(own)) for plain, own in _KINDS.items()], F.col("kind"))
    named = found.withColumns({"what": F.concat_ws(" ", name, "what"), "kind": kind})
    return named.withColumn("key", _row_key(table))
