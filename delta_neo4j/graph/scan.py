"""
The documents of a table's rows: those that the graph has, read in parallel ranges, and those that rows would write.

`graph.passes.documents` says what a document is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.columns import chunk_id, property_columns, property_maps
from delta_neo4j.graph.cypher import scan
from delta_neo4j.graph.cypher.common import OWNER, is_temporal
from delta_neo4j.graph.passes.documents import (
    EXPECTED,
    FOUND,
    EdgeShape,
    ExpectedDocuments,
    FoundDocuments,
    Properties,
    Shape,
)
from delta_neo4j.graph.passes.parameters import PropertyMaps
from delta_neo4j.source.hashes import edge_content_hash
from delta_neo4j.source.row_columns import RowColumns
from delta_neo4j.source.row_texts import row_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column, DataFrame, SparkSession

    from delta_neo4j.graph.passes.runner import PassRunner
    from delta_neo4j.mapping.plan import Chunks, Property, Relationship, Table
    from delta_neo4j.settings.connection import Connection

_RANGE_NODES = 25_000  # in one range; so many are read by one task in some seconds
_SAMPLE = 4_000
WHOLE = (("all", None, None),)


def shape_of(table: Table, *, vectors: bool) -> Shape:
    """Return what a row of the table writes; with `vectors` their numbers are compared, otherwise their presence."""
    width = len(table.key)
    if table.edge:
        return Shape(width, (), _properties(table.properties))
    edges = tuple(
        EdgeShape(
            position, each.type, each.incoming, each.end_label, len(each.identity), _properties(each.properties),
            each.has_content,
        )
        for position, each in _mapped(table)
    )  # fmt: skip
    return Shape(width, table.labels, _properties(table.properties), edges, table.vector_on_row is not None, vectors)


def shape_of_chunks(table: Table, chunks: Chunks, *, vectors: bool) -> Shape:
    """Return what each chunk of a row writes; its key is the row's and the chunk's id."""
    properties = Properties(PropertyMaps(("index", "text")))
    return Shape(len(table.key) + 1, (chunks.label,), properties, has_vector=True, vectors=vectors)


def expected_chunks(table: Table, rows: DataFrame, vector: Column, shape: Shape) -> DataFrame:
    """Return the documents (`EXPECTED`) of the chunks of rows, which have each chunk as `index` and `chunk`."""
    columns, none = RowColumns(table, rows.schema), F.lit(None).cast("string")
    selected = rows.select(
        *[columns.value(p).alias(f"k{i}") for i, p in enumerate(table.key)],
        chunk_id(columns, F.col("index")).alias(f"k{len(table.key)}"),
        F.struct(F.col("index").alias("p0"), F.col("chunk").alias("p1")).alias("node"),
        none.alias("h"),
        none.alias("r"),
        row_key(table).alias("row_key"),
        "state",
        vector.alias("vector"),
    )
    return selected.mapInArrow(ExpectedDocuments(shape), EXPECTED)


def _mapped(table: Table) -> list[tuple[int, Relationship]]:
    return [(position, each) for position, each in enumerate(table.relationships) if not each.retired]


def _properties(properties: tuple[Property, ...]) -> Properties:
    moments = tuple((p.name, p.type) for p in properties if is_temporal(p))
    return Properties(property_maps(properties), moments)


def expected(table: Table, rows: DataFrame, shape: Shape, vector: Column | None) -> DataFrame:
    """
    Return the documents (`EXPECTED`) that sound ranked rows of a table write.

    `vector`: the column with the row's vector, or None. `row_key` is the row's key as dead letters have it.
    """
    columns = RowColumns(table, rows.schema)
    edges = [_edge(columns, each).alias(f"e{number}") for number, (_, each) in enumerate(_mapped(table))]
    selected = rows.select(
        *[columns.value(p).alias(f"k{i}") for i, p in enumerate(table.key)],
        _struct(property_columns(columns, table.properties)).alias("node"),
        *edges,
        F.col("content_hash").alias("h"),
        (F.col("rel_hash") if table.edge_types else F.lit(None).cast("string")).alias("r"),
        row_key(table).alias("row_key"),
        "state",
        *([vector.alias("vector")] if vector is not None else []),
    )
    return selected.mapInArrow(ExpectedDocuments(shape), EXPECTED)


def _edge(columns: RowColumns, relationship: Relationship) -> Column:
    exists = columns.has_end(relationship) & ~columns.is_repeated(relationship)
    identity = [part.alias(f"i{at}") for at, part in enumerate(columns.identity(relationship))]
    content = edge_content_hash(columns, relationship) if relationship.has_content else F.lit(None).cast("string")
    return _struct(
        [exists.alias("has"), *identity, *property_columns(columns, relationship.properties), content.alias("q")]
    )


def _struct(columns: list[Column]) -> Column:
    return F.struct(*columns, F.lit(0).alias("_"))


@dataclass(frozen=True)
class GraphScan:
    """Reads documents from the graph: in Spark tasks, or on the driver, which writes them below `path`."""

    spark: SparkSession
    connection: Connection
    runner: PassRunner
    path: str

    def of_table(self, table: Table, mapped: Iterable[Table], shape: Shape) -> DataFrame:
        """Return the documents (`FOUND`) of the nodes with the table's first label, or of an edge list's edges."""
        if table.edge:
            place = (table.edge.start_label, table.edge.start_key[0].name)
            return self._read("rows", shape, place, {kind: scan.read_edges(table, kind) for kind in scan.RANGES})
        around, place = ways(table, mapped), (table.labels[0], table.key[0].name)
        statements = {kind: scan.read_nodes(table, kind, around, vectors=shape.vectors) for kind in scan.RANGES}
        return self._read("rows", shape, place, statements)

    def of_chunks(self, table: Table, chunks: Chunks, shape: Shape) -> DataFrame:
        """Return the documents (`FOUND`) of the chunks that the table's rows lead to; `id` is the relationship's."""
        vector, place = table.embedding.property if table.embedding else "", (table.labels[0], table.key[0].name)
        statements = {
            kind: scan.read_chunks(table, chunks, vector, kind, vectors=shape.vectors) for kind in scan.RANGES
        }
        return self._read("chunks", shape, place, statements)

    def of_texts(self, label: str, vector: str, shape: Shape) -> DataFrame:
        """Return the documents (`FOUND`) of the text nodes with a label and a vector property."""
        texts = {kind: scan.read_text_nodes(label, vector, kind, vectors=shape.vectors) for kind in scan.RANGES}
        return self._read("texts", shape, (label, "text_id"), texts)

    def keys(self, label: str, key: tuple[str, ...]) -> DataFrame:
        """Return the keys (`key`) of all nodes with a label."""
        statements = {kind: scan.read_keys(label, key, kind) for kind in scan.RANGES}
        shape = Shape(len(key), (), Properties(PropertyMaps(())))
        return self._read(f"keys/{label}", shape, (label, key[0]), statements).select("key")

    def _read(self, name: str, shape: Shape, place: tuple[str, str], statements: dict[str, str]) -> DataFrame:
        work = FoundDocuments(self.connection, shape, statements, ranges(self.connection, *place), OWNER)
        count = len(work.ranges)
        if self.runner.from_tasks:
            return self.spark.range(0, count, 1, count).mapInArrow(work, FOUND)
        path = f"{self.path}/{name}"
        for batch in work([pa.RecordBatch.from_arrays([pa.array(range(count))], ["id"])]):
            self.spark.createDataFrame(batch.to_pandas(), FOUND).write.mode("append").parquet(path)
        return self.spark.createDataFrame([], FOUND).unionByName(self.spark.read.schema(FOUND).parquet(path))


def ways(table: Table, mapped: Iterable[Table]) -> scan.Ways:
    """Return the edges of the mapping at a node of the table, in both directions: of its rows and of other rows."""
    label, found = table.labels[0], scan.Ways()

    def add(kind: str, incoming: bool, other: str) -> None:
        found.setdefault((kind, incoming), set()).add(other)

    for each in mapped:
        if each.edge and label == each.edge.start_label:
            add(each.edge.type, False, each.edge.end_label)
        if each.edge and label == each.edge.end_label:
            add(each.edge.type, True, each.edge.start_label)
        for relationship in each.relationships:
            if each.labels[:1] == (label,):
                add(relationship.type, relationship.incoming, relationship.end_label)
            if relationship.end_label == label:
                add(relationship.type, not relationship.incoming, each.labels[0])
    return found


def ranges(connection: Connection, label: str, name: str) -> tuple[tuple[str, Any, Any], ...]:
    """
    Return the ranges (kind, low, high) of a property of a label's nodes that have about 25,000 nodes each.

    The bounds come from a sample. Only texts and integers have ranges; other nodes are in a range of their own.
    """
    with open_queries(connection, reading=True) as queries:
        nodes = int(queries.run(scan.count_nodes(label))[0]["nodes"])
        parts = nodes // _RANGE_NODES
        if parts <= 1:
            return WHOLE
        sampled = queries.run(scan.sample_keys(label, name), share=min(1.0, _SAMPLE / nodes))
    kinds = [type(row["value"]) for row in sampled]
    kind = max((str, int), key=kinds.count)
    inside: list[Any] = sorted(row["value"] for row in sampled if type(row["value"]) is kind)
    bounds = list(dict.fromkeys(inside[len(inside) * part // parts] for part in range(1, parts))) if inside else []
    if not bounds:
        return WHOLE
    between = [("between", low, high) for low, high in pairwise(bounds)]
    return ("before", None, bounds[0]), *between, ("from", bounds[-1], None), ("others", bounds[0], None)
