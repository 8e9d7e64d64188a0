"""The values that a row writes to the graph: its properties, each in the property's type, and its text."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    DateType,
    TimestampNTZType,
    TimestampType,
)

from delta_neo4j.mapping.null_words import WHITE_SPACE
from delta_neo4j.mapping.plan import TEXT_HASH, Input
from delta_neo4j.mapping.types import BY_NAME
from delta_neo4j.source.contract import raw_column

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Property, Table

MOMENT_TYPES = {"date": DateType, "datetime": TimestampType, "local_datetime": TimestampNTZType}
# Timestamps with microseconds in UTC: the default format has milliseconds in the session's zone.
JSON_OPTIONS = {
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


def typed(table: Table, prop: Property) -> Column:
    """Return the property's value in its type; null if the source is null or (in an unsound row) cannot be typed."""
    name = raw_column(table, prop.input)
    if prop.input == TEXT_HASH or not sql_type(prop):
        return F.col(name)
    if BY_NAME[prop.type].travel == "json":
        return F.to_json(name, JSON_OPTIONS)
    return F.expr(f"try_cast({name} AS {sql_type(prop)})")


def sql_type(prop: Property) -> str:
    """Return the Spark SQL type that a property is cast to; empty if it keeps the type of its column."""
    return BY_NAME[prop.type].sql


def is_list(prop: Property) -> bool:
    """Return whether the property is a list of values of one type."""
    return BY_NAME[prop.type].travel == "list"


def is_blank(value: Column) -> Column:
    """Return whether a value, as text, has nothing but characters of `WHITE_SPACE`; null for null."""
    return ~value.cast("string").rlike(f"[^{WHITE_SPACE}]")


def text(table: Table) -> Column:
    """Return the exact text to embed; null if every column that the text is made of is null or blank."""
    parts = table.embedding.text if table.embedding else ()
    columns = [F.col(raw_column(table, part)) for part in parts if isinstance(part, Input)]
    if not columns:
        return F.lit(None).cast("string")
    any_filled = reduce(or_, [~is_blank(column) & column.isNotNull() for column in columns])
    if len(parts) == 1:
        return F.when(any_filled, columns[0])  # unchanged: white space around the text stays
    remaining = iter(columns)
    texts = [F.coalesce(next(remaining).cast("string"), F.lit("")) if isinstance(p, Input) else F.lit(p) for p in parts]
    return F.when(any_filled, F.concat(*texts))
