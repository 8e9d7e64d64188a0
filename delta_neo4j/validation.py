"""
Is this row sound? Columns that are null when it is, and the reason when it is not.

Nothing is filtered here: an unsound row is routed to the dead letters. A value that cannot be typed is a
reason, never a null.
"""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, cast

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    ArrayType,
    DateType,
    DoubleType,
    FloatType,
    MapType,
    NullType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from delta_neo4j.plan import TEXT_HASH, Input
from delta_neo4j.source import raw_column
from delta_neo4j.spark_errors import SPARK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql.types import DataType

    from delta_neo4j.plan import Property, Table

SPARK_TYPES = {
    "string": "STRING",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "local_datetime": "TIMESTAMP_NTZ",
}
_MOMENT_TYPES = {"date": DateType, "datetime": TimestampType, "local_datetime": TimestampNTZType}
_PYTHONS_SECONDS = (-62_135_596_800, 253_402_300_799)  # since 1970, of the years 1 to 9999 in UTC
_MOMENTS = tuple(_MOMENT_TYPES.values())
WHOLE_TYPES = ("point", "map")  # structs and maps that travel as they are
# Every digit of a moment, in UTC: the default format stops at milliseconds and follows the session's zone.
JSON_OPTIONS = {
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
FAULT = "fault"
FAULT_CLASS = "fault_class"


def typed(table: Table, prop: Property) -> Column:
    """Give the property's value; null where the source is null (or, until validated, cannot be typed)."""
    name = raw_column(table, prop.input)
    if prop.input == TEXT_HASH or prop.type in WHOLE_TYPES:
        return F.col(name)
    if prop.type == "json":
        return F.to_json(name, JSON_OPTIONS)
    return F.expr(f"try_cast({name} AS {sql_type(prop)})")


def sql_type(prop: Property) -> str:
    """Give the Spark SQL type of a property that is cast."""
    item = prop.type.removeprefix("list<").removesuffix(">")
    return f"ARRAY<{SPARK_TYPES[item]}>" if is_list(prop) else SPARK_TYPES[prop.type]


def is_list(prop: Property) -> bool:
    """Tell whether the property is a list of values of one type."""
    return prop.type.startswith("list<")


def end_key(table: Table, prop: Property) -> Column:
    """Give a part of an end node's key; a blank one is no key at all."""
    value = typed(table, prop)
    return F.when(~_blank(value), value)


def _blank(value: Column) -> Column:
    # By any whitespace, not only spaces.
    return F.length(F.regexp_replace(value.cast("string"), r"\s+", "")) == 0


def text(table: Table) -> Column:
    """Give the exact text to embed, null where there is none: where every column it is made of is null or blank."""
    pieces = table.embedding.text if table.embedding else ()
    columns = [F.col(raw_column(table, piece)) for piece in pieces if isinstance(piece, Input)]
    if not columns:
        return F.lit(None).cast("string")
    some = reduce(or_, [~_blank(column) & column.isNotNull() for column in columns])
    if len(pieces) == 1:
        return F.when(some, columns[0])  # what is not blank is sent as it stands
    left = iter(columns)
    whole = [F.coalesce(next(left).cast("string"), F.lit("")) if isinstance(p, Input) else F.lit(p) for p in pieces]
    return F.when(some, F.concat(*whole))


def validated(table: Table, rows: DataFrame) -> DataFrame:
    """Add `fault_class` and `fault` (both null on a sound row) to contract rows."""
    classes, reasons = [F.lit(None).cast("string")], [F.lit(None).cast("string")]
    for name, broken, reason in _rules(table, rows):
        classes.append(F.when(broken, F.lit(name)))
        reasons.append(F.when(broken, reason))
    return rows.withColumns({FAULT_CLASS: F.coalesce(*classes), FAULT: F.coalesce(*reasons)})


def _rules(table: Table, rows: DataFrame) -> Iterator[tuple[str, Column, Column]]:
    """Yield (class, condition, reason); the first that holds is the row's."""
    is_utf8 = _utf8_test(rows)
    for each in table.inputs:
        name = raw_column(table, each)
        broken = _somewhere(rows.schema[name].dataType, F.col(name), StringType, lambda _, text: ~is_utf8(text))
        if broken is not None:
            yield "not_utf8", broken, F.lit(f"{each} is not UTF-8 text")
    for prop in table.key:
        raw = F.col(raw_column(table, prop.input))
        yield "key_missing", raw.isNull(), F.lit(f"key {prop.input} is null")
        yield "key_missing", _blank(raw), F.lit(f"key {prop.input} is blank")
    for prop in mapped(table):
        if prop.input != TEXT_HASH:
            yield "type_mismatch", _untypable(table, prop, rows.schema), _untypable_reason(table, prop)
    for prop in _through_python(table):
        beyond = _somewhere(_kind(table, prop, rows.schema), typed(table, prop), _MOMENTS, _beyond_python)
        if beyond is not None:
            yield "out_of_range", beyond, F.lit(f"{prop.input} holds a moment before the year 1 or after 9999")
    embedding = table.embedding
    if embedding and embedding.text and embedding.blank_is_dead_letter:
        named = " and ".join(str(piece) for piece in embedding.text if isinstance(piece, Input))
        yield "text_missing", text(table).isNull(), F.lit(f"text {named} is null or blank")
    if embedding and embedding.vector:
        yield from _vector_rules(table, embedding.vector, embedding.index.dimension)


def mapped(table: Table) -> tuple[Property, ...]:
    """Give every property that a row fills: of its node or edge, of its relationships and their ends."""
    return (*table.key, *table.properties, *_related(table))


def _related(table: Table) -> list[Property]:
    return [p for r in table.relationships for p in (*r.end_key, *r.properties)]


def _utf8_test(rows: DataFrame) -> Callable[[Column], Column]:
    # Since Spark 4; a Databricks runtime that calls itself 3.5 may have it, and then decodes more strictly, too.
    there = False
    with suppress(*SPARK_ERRORS):  # where it is not there, the session's own schema is searched, which may be refused
        there = rows.sparkSession.catalog.functionExists("is_valid_utf8")
    if there:
        return lambda text: F.call_function("is_valid_utf8", text)
    # Decoding puts another character in the place of what is malformed.
    return lambda text: F.decode(F.encode(text, "UTF-8"), "UTF-8") == text


def _through_python(table: Table) -> list[Property]:
    """Give the properties whose moments become Python's; those of properties travel as numbers."""
    properties = [*table.properties, *(p for r in table.relationships for p in r.properties)]
    whole = [p for p in properties if is_list(p) or p.type == "map"]
    ends = [p for r in table.relationships for p in r.end_key]
    return [p for p in (*table.key, *whole, *ends) if p.input != TEXT_HASH]


def _kind(table: Table, prop: Property, schema: StructType) -> DataType:
    """Give what `typed` makes of a property, as far as it is or holds moments."""
    if prop.type == "map":
        return schema[raw_column(table, prop.input)].dataType
    item = _MOMENT_TYPES.get(prop.type.removeprefix("list<").removesuffix(">"), NullType)()
    return ArrayType(item) if is_list(prop) else item


def _beyond_python(kind: DataType, moment: Column) -> Column:
    held = F.year(moment).between(1, 9999)
    if isinstance(kind, TimestampType):  # it passes through the session's zone and through UTC
        held &= F.unix_seconds(moment).between(*_PYTHONS_SECONDS)
    return ~held


def _somewhere(
    kind: DataType,
    value: Column,
    wanted: type[DataType] | tuple[type[DataType], ...],
    holds: Callable[[DataType, Column], Column],
) -> Column | None:
    """Tell whether a condition holds for a value of a wanted type, or one inside it; None where there can be none."""
    if isinstance(kind, wanted):
        return holds(kind, value)
    if isinstance(kind, StructType):
        parts = [_somewhere(field.dataType, value[field.name], wanted, holds) for field in kind]
    elif isinstance(kind, MapType):
        pairs = ((kind.keyType, F.map_keys(value)), (kind.valueType, F.map_values(value)))
        parts = [_somewhere(ArrayType(part), values, wanted, holds) for part, values in pairs]
    elif isinstance(kind, ArrayType) and _somewhere(kind.elementType, value, wanted, holds) is not None:
        parts = [F.exists(value, lambda item: cast("Column", _somewhere(kind.elementType, item, wanted, holds)))]
    else:
        return None
    # A null inside says nothing of what stands beside it.
    found = [F.coalesce(part, F.lit(False)) for part in parts if part is not None]
    return reduce(or_, found) if found else None


def _untypable(table: Table, prop: Property, schema: StructType) -> Column:
    name = raw_column(table, prop.input)
    raw, value, kind = F.col(name), typed(table, prop), schema[name].dataType
    if prop.type == "point":
        fields = [F.col(f"{name}.{field.name}").cast("double") for field in kind]  # type: ignore[attr-defined]
        return raw.isNotNull() & reduce(or_, [field.isNull() | F.isnan(field) for field in fields])
    broken = raw.isNotNull() & value.isNull()
    if is_list(prop):
        # Neo4j's lists hold no null, and an element that cannot be typed becomes one.
        return broken | F.exists(value, lambda element: element.isNull())
    if prop.type == "integer" and (isinstance(kind, (FloatType, DoubleType)) or kind.typeName() == "decimal"):
        # A cast would cut the fraction off without a word.
        broken = broken | (raw != value)
    return broken


def _untypable_reason(table: Table, prop: Property) -> Column:
    shown = F.substring(F.col(raw_column(table, prop.input)).cast("string"), 1, 100)
    return F.concat(F.lit(f"{prop.input}: "), shown, F.lit(f" is not of type {prop.type}"))


def _vector_rules(table: Table, made_from: Input, dimension: int) -> Iterator[tuple[str, Column, Column]]:
    vector, name = F.col(raw_column(table, made_from)), f"vector {made_from}"
    size = F.concat(F.lit(f"{name} has "), F.size(vector).cast("string"), F.lit(f" values, not {dimension}"))
    yield "vector_dimension", vector.isNotNull() & (F.size(vector) != dimension), size
    infinite = (float("inf"), float("-inf"))
    unfit = F.exists(vector, lambda x: x.isNull() | F.isnan(x) | x.isin(*infinite))
    yield "vector_not_finite", unfit, F.lit(f"{name} holds null, NaN or infinity")
    yield "vector_zero", ~F.exists(vector, lambda x: x != 0), F.lit(f"{name} is all zeros")
