"""The columns of frozen rows as the writer's passes want them."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.cypher.common import is_temporal
from delta_neo4j.ranking import edge_content_hash
from delta_neo4j.rows import Bags
from delta_neo4j.validation import end_key, typed

if TYPE_CHECKING:
    from delta_neo4j.plan import Property, Relationship, Table


def identity(table: Table, version: str) -> list[Column]:
    """Give `k0`…, `v` and `h`: key, version and content hash of a row."""
    keys = [typed(table, p).alias(f"k{i}") for i, p in enumerate(table.key)]
    return [*keys, F.lit(version).alias("v"), F.col("content_hash").alias("h")]


def property_columns(table: Table, properties: tuple[Property, ...]) -> list[Column]:
    """Give `p0`…, and the temporal ones, which travel as two numbers, as `d0` and so on."""
    plain = [p for p in properties if not is_temporal(p)]
    columns = [typed(table, p).alias(f"p{i}") for i, p in enumerate(plain)]
    return columns + [typed(table, p).alias(f"d{i}") for i, p in enumerate(filter(is_temporal, properties))]


def bags(properties: tuple[Property, ...], absent: tuple[str, ...] = ()) -> Bags:
    """Say how a writer makes the map of the plain ones of `property_columns`."""
    plain = [p for p in properties if not is_temporal(p)]
    points, maps = (tuple(p.name for p in plain if p.type == kind) for kind in ("point", "map"))
    return Bags(tuple(p.name for p in plain), points, maps, absent)


def edge_columns(table: Table, relationship: Relationship) -> list[Column]:
    """Give `t0`…, the key of the other end, `o0_0`…, those of siblings, and properties (`p0`…, `d0`…) with hash `q`."""
    columns = _end_columns(table, relationship, "t")
    for number, sibling in enumerate(table.siblings(relationship)):
        columns += _end_columns(table, sibling, f"o{number}_")
    if relationship.has_content:
        columns += property_columns(table, relationship.properties)
        columns.append(edge_content_hash(table, relationship).alias("q"))
    return columns


def _end_columns(table: Table, relationship: Relationship, prefix: str) -> list[Column]:
    if relationship.retired:
        return [F.lit(None).cast("string").alias(f"{prefix}{i}") for i in range(len(relationship.end_key))]
    ends = [end_key(table, p) for p in relationship.end_key]
    # A key with a part missing is no key: all its parts become null together. Rows without an end take part too:
    # an edge they had before must go, and the last pass stamps every row.
    return [F.when(whole(ends), end).alias(f"{prefix}{i}") for i, end in enumerate(ends)]


def piece_column(table: Table) -> Column:
    """Give a row's `pieces` (index, piece, vector) as nodes: id, i, t, vector; none where it has no text."""
    keys = [typed(table, p).cast("string") for p in table.key]
    # Of the label and the key, so that the same piece of the same row is the same node whenever it is loaded.
    prefix = F.to_json(F.array(F.lit(table.labels[0]), *keys))
    none = F.array().cast("array<struct<index:int,piece:string,vector:binary>>")
    return F.transform(
        F.coalesce("pieces", none),
        lambda each: F.struct(
            F.concat(prefix, F.lit("#"), each["index"].cast("string")).alias("id"),
            each["index"].alias("i"),
            each["piece"].alias("t"),
            each["vector"].alias("vector"),
        ),
    )


def whole(parts: list[Column]) -> Column:
    """Tell whether every part of a key is there."""
    return reduce(and_, [part.isNotNull() for part in parts])


def flag(condition: Column) -> Column:
    """Give 1 where it holds, else 0."""
    return F.when(condition, 1).otherwise(0)
