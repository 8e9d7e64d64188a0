"""The comparison of one table with the graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph import scan
from delta_neo4j.graph.passes import runner
from delta_neo4j.graph.passes.differences import EXTRA
from delta_neo4j.runs.verify import compare
from delta_neo4j.runs.verify.chunks import ChunkComparison, chunk_differences
from delta_neo4j.runs.verify.expected import Expected, expected
from delta_neo4j.runs.verify.report import LISTED, TableCheck
from delta_neo4j.runs.writers import writers
from delta_neo4j.source import delta, ranking
from delta_neo4j.state import open_letters
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Mapping, Table
    from delta_neo4j.runs.verify.places import Place
    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.settings.values import LoadSettings


@dataclass(frozen=True)
class Comparison:
    """
    The comparison of one table.

    `rows` are the table's rows, `compared` has an outcome for each key (`compare.outcomes`), `found` the differences,
    `texts` those of the nodes with the rows' texts, `chunks` those of chunks; None if the mapping has no such nodes.
    """

    place: Place
    check: TableCheck
    rows: Expected
    compared: DataFrame
    found: DataFrame
    texts: DataFrame | None
    chunks: ChunkComparison | None


def compared(
    spark: SparkSession,
    settings: LoadSettings,
    mapping: Mapping,
    place: Place,
    connection: Connection,
    *,
    vectors: bool,
) -> Comparison:
    """
    Compare one table with the graph, row by row; the result's frames are frozen below the place's path.

    The graph is read through `connection`, which has the bookmarks of what it must show.
    """
    table, state = place.table, State(settings.state)
    tasks = writers(spark, settings)
    pass_runner = runner.choose_runner(spark, connection, tasks)
    graph = scan.GraphScan(spark, connection, pass_runner, f"{place.path}/graph")
    frozen = expected(spark, place, partitions=tasks)
    rows = Expected(table, frozen, state, place.model_id, vectors)
    states = {row[0]: row[1] for row in frozen.groupBy(ranking.STATE).count().collect()}
    documents = compare.winners(
        rows.documents(), several=not table.sequence_by and bool(states.get(ranking.SUPERSEDED))
    )
    in_graph = graph.of_table(table, mapping.tables, scan.shape_of(table, vectors=vectors))
    letters, unsound = _letters(spark, state, place), rows.keys(ranking.UNSOUND)
    by_key = compare.outcomes(documents, in_graph, place.owners, letters=letters, unsound=unsound)
    by_key = compare.frozen(by_key, f"{place.path}/compared")
    found = compare.frozen(compare.differences(by_key, _optional(table), table.edge), f"{place.path}/differences")
    found = _without_ends(graph, table, found, f"{place.path}/found")
    texts = _text_differences(graph, rows, place) if table.text_nodes else None
    chunks = chunk_differences(graph, rows, place, by_key, letters) if table.chunks else None
    check = TableCheck(table.name, place.version, place.load.load_id if place.load else None, table.digest)
    _count(check, by_key)
    listed = [found, *([texts] if texts else []), *([chunks.found] if chunks else [])]
    _list(check, reduce(lambda some, more: some.unionByName(more), listed))
    if place.version is not None and place.newest is not None and place.newest > place.version:
        newest = delta.rows_at(spark, table.source, place.newest)
        check.pending = newest - delta.rows_at(spark, table.source, place.version)
    return Comparison(place, check, rows, by_key, found, texts, chunks)


def _letters(spark: SparkSession, state: State, place: Place) -> DataFrame:
    """Return the `row_key` of the rows that are open dead letters of the load's writer or embedder."""
    if place.load is None or any(state.version(spark, name) is None for name in ("dead_letters", "ledger")):
        return spark.createDataFrame([], "row_key STRING")
    letters = open_letters.of_load(spark, state, place.table, place.load)
    return letters.where(F.col("stage") != "validation").select("row_key")


def _count(check: TableCheck, by_key: DataFrame) -> None:
    several = F.sum(F.when(F.col("rows") > 1, 1).otherwise(0)).alias("several")
    for row in by_key.groupBy("outcome").agg(F.count("*").alias("keys"), several).collect():
        check.keys[row["outcome"]] = row["keys"]
        check.ambiguous += row["several"]
    check.checked = sum(count for outcome, count in check.keys.items() if outcome != compare.NOTHING)
    fingerprints = by_key.where("fingerprint IS NOT NULL").groupBy("bucket")
    digests = {row[0]: row[1] for row in fingerprints.agg(F.hex(F.bit_xor("fingerprint"))).collect()}
    check.digests = [digests.get(bucket, "") for bucket in range(compare.BUCKETS)]


def _optional(table: Table) -> tuple[tuple[str, str, str, int], ...]:
    return tuple(
        (each.type, "<-" if each.incoming else "->", each.end_label, len(each.end_key))
        for each in table.relationships
        if not each.retired and each.on_missing != "merge"
    )


def _without_ends(graph: scan.GraphScan, table: Table, found: DataFrame, path: str) -> DataFrame:
    """Leave out relationships that are missing because the mapping does not make their end nodes."""
    if not found.where("ends IS NOT NULL").limit(1).count():
        return found
    existing = [
        graph.keys(label, tuple(p.name for p in key)).select(F.lit(label).alias("label"), F.col("key").alias("end_key"))
        for label, key in dict(table.keyed_nodes).items()
    ]
    kept = compare.without_ends(found, reduce(lambda some, more: some.unionByName(more), existing))
    return compare.frozen(kept, path)  # a repair changes the graph


def _text_differences(graph: scan.GraphScan, rows: Expected, place: Place) -> DataFrame:
    """Return the differences of the nodes that hold the rows' texts and vectors."""
    holder, embedding = rows.table.text_nodes, rows.table.embedding
    if holder is None or embedding is None:
        raise ValueError(f"table {rows.table.name} has no text nodes")
    shape, documents = rows.texts(holder.label)
    # A text node has no version; rows that lead to it have one.
    found = graph.of_texts(holder.label, embedding.property, shape).withColumn("version", F.lit(""))
    none = graph.spark.createDataFrame([], "row_key STRING, key STRING")
    any_version = replace(place.owners, lowest="", highest="")
    by_key = compare.outcomes(
        compare.winners(documents, several=False), found, any_version, letters=none, unsound=none.select("key")
    )
    by_key = compare.frozen(by_key, f"{place.path}/texts")
    # A node that no row leads to may be that of another table's text.
    return compare.differences(by_key, (), None).where(F.col("kind") != F.lit(EXTRA))


def _list(check: TableCheck, found: DataFrame) -> None:
    for row in found.groupBy("kind").count().collect():
        check.differences[row[0]] = row[1]
    if not check.is_equal:
        listed = found.drop("ends").orderBy("kind", "key", "what").limit(LISTED)
        check.listed = [row.asDict() for row in listed.collect()]
