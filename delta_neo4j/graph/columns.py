"""The columns of the writer's passes, selected from frozen rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.cypher.common import is_temporal
from delta_neo4j.graph.passes.parameters import PropertyMaps
from delta_neo4j.source.hashes import edge_content_hash

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.mapping.plan import Property, Relationship
    from delta_neo4j.source.row_columns import RowColumns


def identity(rows: RowColumns, version: Column) -> list[Column]:
    """Return the columns `k0`…, `v` and `h`: key, version and content hash of a row."""
    keys = [rows.value(p).alias(f"k{i}") for i, p in enumerate(rows.table.key)]
    return [*keys, version.alias("v"), F.col("content_hash").alias("h")]


def property_columns(rows: RowColumns, properties: tuple[Property, ...]) -> list[Column]:
    """Return the plain properties as `p0`…, and the temporal ones, which are sent as two numbers each, as `d0`…."""
    plain = [p for p in properties if not is_temporal(p)]
    columns = [rows.value(p).alias(f"p{i}") for i, p in enumerate(plain)]
    return columns + [rows.value(p).alias(f"d{i}") for i, p in enumerate(filter(is_temporal, properties))]


def property_maps(properties: tuple[Property, ...], absent: tuple[str, ...] = ()) -> PropertyMaps:
    """Return the builder of a row's map of plain properties; every map sets the properties in `absent` to null."""
    plain = [p for p in properties if not is_temporal(p)]
    points, maps = (tuple(p.name for p in plain if p.type == kind) for kind in ("point", "map"))
    return PropertyMaps(tuple(p.name for p in plain), points, maps, absent)


def edge_columns(rows: RowColumns, relationship: Relationship) -> list[Column]:
    """
    Return the columns of one relationship: `t0`… (its end key, then its own), `o0_0`… (of its siblings), its content.

    Siblings are relationships of the same type and direction. Content, if the relationship has
    properties, is `p0`…, `d0`… and their hash `q`.
    """
    # The second of two equal relationships has no end: the first one is written, and both are expected once.
    columns = _end_columns(rows, relationship, "t", ~rows.is_repeated(relationship))
    for number, sibling in enumerate(rows.table.siblings(relationship)):
        columns += _end_columns(rows, sibling, f"o{number}_", F.lit(True))
    if relationship.has_content:
        columns += property_columns(rows, relationship.properties)
        columns.append(edge_content_hash(rows, relationship).alias("q"))
    return columns


def _end_columns(rows: RowColumns, relationship: Relationship, prefix: str, condition: Column) -> list[Column]:
    if relationship.retired:
        return [F.lit(None).cast("string").alias(f"{prefix}{i}") for i in range(len(relationship.end_key))]
    # If one part of a key is null, all parts become null. The pass also gets rows without an end: it deletes the edge
    # of their earlier version, and the last pass stamps every row.
    is_expected = rows.has_end(relationship) & condition
    return [F.when(is_expected, part).alias(f"{prefix}{i}") for i, part in enumerate(rows.identity(relationship))]


def edge_counts(rows: RowColumns) -> list[Column]:
    """Return `e0`…: how many edges a row expects, by type; for chunks this is `chunk_count`, that of its text."""
    table = rows.table
    counts = [
        F.lit(0) if each.retired else flag(rows.has_end(each) & ~rows.is_repeated(each)) for each in table.relationships
    ]
    if table.chunks:
        # A text has at least one chunk. So a text whose chunks were all lost leaves the account unbalanced.
        counts.append(F.coalesce(F.col("chunk_count"), flag(F.col("text_hash").isNotNull())))
    return [count.alias(f"e{i}") for i, count in enumerate(counts)]


def chunk_column(rows: RowColumns) -> Column:
    """Return a row's `chunks` (index, chunk, vector) as nodes (id, i, t, vector); empty if the row has no text."""
    none = F.array().cast("array<struct<index:int,chunk:string,vector:binary>>")
    return F.transform(
        F.coalesce("chunks", none),
        lambda each: F.struct(
            chunk_id(rows, each["index"]).alias("id"),
            each["index"].alias("i"),
            each["chunk"].alias("t"),
            each["vector"].alias("vector"),
        ),
    )


def chunk_id(rows: RowColumns, index: Column) -> Column:
    """Return the id of a row's chunk: it has the label and the key, so that each load finds the same chunk nodes."""
    keys = [rows.value(p).cast("string") for p in rows.table.key]
    return F.concat(F.to_json(F.array(F.lit(rows.table.labels[0]), *keys)), F.lit("#"), index.cast("string"))


def without_vector(rows: RowColumns) -> Column:
    """Return `w`: 1 for a row that has neither a text nor a ready vector, in a table that has an embedding."""
    embedding = rows.table.embedding
    if embedding is None:
        return F.lit(0).alias("w")
    column = rows.raw(embedding.vector) if embedding.vector else F.col("text_hash")
    return flag(column.isNull()).alias("w")


def flag(condition: Column) -> Column:
    """Return 1 if the condition holds, else 0."""
    return F.when(condition, 1).otherwise(0)


def end_with_fewer_nodes(rows: DataFrame, start_width: int, end_width: int) -> list[str]:
    """Return the key columns (k0…) of that end of an edge list's rows which has fewer distinct nodes."""
    names = [f"k{i}" for i in range(start_width + end_width)]
    start, end = names[:start_width], names[start_width:]
    counts = rows.agg(F.approx_count_distinct(F.struct(*start)), F.approx_count_distinct(F.struct(*end))).collect()[0]
    return start if counts[0] <= counts[1] else end
