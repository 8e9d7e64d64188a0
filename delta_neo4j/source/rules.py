"""The rules for sound rows; a row that breaks a rule is unsound and has the class and the reason of that rule."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, cast

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import (
    ArrayType,
    DoubleType,
    FloatType,
    MapType,
    NullType,
    StringType,
    StructType,
    TimestampType,
)

from delta_neo4j.errors import spark_errors
from delta_neo4j.mapping.identifiers import sql_text
from delta_neo4j.mapping.plan import TEXT_HASH, Input
from delta_neo4j.mapping.types import BY_NAME
from delta_neo4j.source import failing_expressions, sequences
from delta_neo4j.source.casts import loses, lost
from delta_neo4j.source.contract import raw_column
from delta_neo4j.source.row_columns import RowColumns, with_typed_values
from delta_neo4j.source.values import MOMENT_TYPES, is_blank, is_list, sql_type, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql.types import DataType

    from delta_neo4j.mapping.plan import Edge, Embedding, Property, Table

_PYTHON_SECONDS = (-62_135_596_800, 253_402_300_799)  # since 1970: the years 1 to 9999 in UTC, a datetime's range
_MOMENTS = tuple(MOMENT_TYPES.values())
FAULT = "fault"
FAULT_CLASS = "fault_class"
_BROKEN, _FOUND = "broken_rule", "first_fault"
_DEGREES = {"longitude": 180, "latitude": 90}


def validated(table: Table, rows: DataFrame) -> DataFrame:
    """
    Return contract rows with their typed values, `fault_class` and `fault` (the reason), both null on a sound row.

    No row is filtered out. A value that cannot be typed makes the row unsound; it never becomes a null property.
    """
    rows = with_typed_values(table, rows)
    faults: list[str] = []
    first = F.when(F.lit(False), -1)
    for name, broken, reason in _rules(table, rows):
        first = first.when(broken, len(faults))
        faults.append(f"WHEN {len(faults)} THEN struct({sql_text(name)} AS class, {reason} AS reason)")
    found = rows.withColumn(_BROKEN, first).withColumn(_FOUND, F.expr(f"CASE {_BROKEN} {' '.join(faults)} END"))
    reasons = {FAULT_CLASS: F.col(_FOUND)["class"], FAULT: F.col(_FOUND)["reason"]}
    return found.withColumns(reasons).drop(_BROKEN, _FOUND)


def without_key(table: Table, rows: DataFrame) -> Column:
    """Return whether a validated row has no key that can be used, whatever its other values are."""
    of_key = table.keys_only(), rows.drop(failing_expressions.FAILED)  # an expression that fails is null
    broken = [F.coalesce(breaks, F.lit(False)) for _, breaks, _ in _rules(*of_key)]
    if table.edge:
        broken.append(without_end(RowColumns(table, rows.schema), table.edge))
    return reduce(or_, broken)


def _rules(table: Table, rows: DataFrame) -> Iterator[tuple[str, Column, str]]:
    """
    Yield (class, condition that an unsound row meets, reason); a row has the class of its first condition.

    A reason is Spark SQL: built call by call in Python, the reasons would take a third of the calls to the JVM that a
    micro-batch makes.
    """
    is_utf8, columns = _utf8_test(rows), RowColumns(table, rows.schema)
    if failing_expressions.FAILED in rows.columns:
        yield (
            failing_expressions.EXPRESSION_FAILED,
            F.col(failing_expressions.FAILED).isNotNull(),
            failing_expressions.reason(table),
        )
    for each in table.inputs:
        name = raw_column(table, each)
        broken = _holds_somewhere(rows.schema[name].dataType, F.col(name), StringType, lambda _, text: ~is_utf8(text))
        if broken is not None:
            yield "not_utf8", broken, sql_text(f"{each} is not UTF-8 text")
    for prop, is_needed in _keys(table, columns):
        for broken, word in _missing(columns, prop):
            yield "key_missing", is_needed & broken, sql_text(f"key {prop.input} is {word}")
    for prop, broken in _typed(table, columns):
        yield "type_mismatch", broken, _untypable_reason(columns, prop)
    for prop in _with_python_moments(table):
        beyond = _holds_somewhere(_typed_kind(table, prop, rows.schema), columns.value(prop), _MOMENTS, _beyond_python)
        if beyond is not None:
            yield "out_of_range", beyond, sql_text(f"{prop.input} holds a moment before the year 1 or after 9999")
    yield from sequences.faults(table, rows.schema)
    if table.embedding:
        yield from _embedding_rules(table, table.embedding)


def _keys(table: Table, columns: RowColumns) -> Iterator[tuple[Property, Column]]:
    """
    Yield each part of a key that a row must have, and whether this row needs it.

    A row of an edge list without an end needs no key, nor does a relationship without an end.
    """
    if table.edge:
        needed = ~without_end(columns, table.edge)
        yield from ((prop, needed) for prop in table.key)
    else:
        yield from ((prop, F.lit(True)) for prop in table.key)
    for related in table.relationships:
        yield from ((prop, columns.has_end(related)) for prop in related.key)


def _missing(columns: RowColumns, prop: Property) -> Iterator[tuple[Column, str]]:
    raw, kind = columns.raw(prop.input), columns.schema[raw_column(columns.table, prop.input)].dataType
    yield from ((raw.isNull(), "null"), (is_blank(raw), "blank"))
    if isinstance(kind, (FloatType, DoubleType)):
        yield F.isnan(raw), "NaN"


def _typed(table: Table, columns: RowColumns) -> Iterator[tuple[Property, Column]]:
    """Yield each property that is filled from a column, and whether its value cannot be typed."""
    for prop in (*table.key, *(p for r in table.relationships for p in r.identity if p.input != TEXT_HASH)):
        # A blank in a key is missing: `_keys` has the rows that need it.
        yield prop, ~is_blank(columns.raw(prop.input)) & _untypable(columns, prop)
    for prop in (*table.properties, *(p for r in table.relationships for p in r.properties)):
        yield prop, _untypable(columns, prop)


def without_end(columns: RowColumns, edge: Edge) -> Column:
    """Return whether all columns of the start node's key, or all of the end node's, are null or blank."""
    return _is_empty(columns, edge.start_key) | _is_empty(columns, edge.end_key)


def _is_empty(columns: RowColumns, key: tuple[Property, ...]) -> Column:
    raws = [columns.raw(prop.input) for prop in key]
    return reduce(and_, [raw.isNull() | F.coalesce(is_blank(raw), F.lit(False)) for raw in raws])


def _utf8_test(rows: DataFrame) -> Callable[[Column], Column]:
    # Spark 4 has `is_valid_utf8`. So may a Databricks runtime that reports version 3.5; its `decode` is stricter then.
    has_function = False
    # Without the function Spark looks for it in the session's schema too, which the user may not be allowed to read.
    with suppress(*spark_errors()):
        has_function = rows.sparkSession.catalog.functionExists("is_valid_utf8")
    if has_function:
        return lambda text: F.call_function("is_valid_utf8", text)
    # `decode` replaces malformed bytes by another character, so the text changes.
    return lambda text: F.decode(F.encode(text, "UTF-8"), "UTF-8") == text


def _with_python_moments(table: Table) -> list[Property]:
    """
    Return the properties whose dates and timestamps become Python objects: keys, lists and maps.

    Those of other properties are sent to Neo4j as numbers.
    """
    properties = [*table.properties, *(p for r in table.relationships for p in r.properties)]
    lists_and_maps = [p for p in properties if is_list(p) or p.type == "map"]
    ends = [p for r in table.relationships for p in r.identity]
    return [p for p in (*table.key, *lists_and_maps, *ends) if p.input != TEXT_HASH]


def _typed_kind(table: Table, prop: Property, schema: StructType) -> DataType:
    """Return the Spark type of a property's typed value; NullType stands for types without a date or timestamp."""
    if prop.type == "map":
        return schema[raw_column(table, prop.input)].dataType
    item = MOMENT_TYPES.get(prop.type.removeprefix("list<").removesuffix(">"), NullType)()
    return ArrayType(item) if is_list(prop) else item


def _beyond_python(kind: DataType, moment: Column) -> Column:
    in_range = F.year(moment).between(1, 9999)
    if isinstance(kind, TimestampType):  # it is converted to the session's zone and to UTC: both must be in range
        in_range &= F.unix_seconds(moment).between(*_PYTHON_SECONDS)
    return ~in_range


def _holds_somewhere(
    kind: DataType,
    value: Column,
    wanted: type[DataType] | tuple[type[DataType], ...],
    holds: Callable[[DataType, Column], Column],
) -> Column | None:
    """
    Return whether `holds` is true for a value of type `kind`, or for any value of a wanted type inside it.

    None if the type can hold no value of a wanted type.
    """
    if isinstance(kind, wanted):
        return holds(kind, value)
    if isinstance(kind, StructType):
        parts = [_holds_somewhere(field.dataType, value[field.name], wanted, holds) for field in kind]
    elif isinstance(kind, MapType):
        pairs = ((kind.keyType, F.map_keys(value)), (kind.valueType, F.map_values(value)))
        parts = [_holds_somewhere(ArrayType(part), values, wanted, holds) for part, values in pairs]
    elif isinstance(kind, ArrayType) and _holds_somewhere(kind.elementType, value, wanted, holds) is not None:
        parts = [F.exists(value, lambda item: cast("Column", _holds_somewhere(kind.elementType, item, wanted, holds)))]
    else:
        return None
    # A null part must not hide a part beside it for which the condition holds.
    conditions = [F.coalesce(part, F.lit(False)) for part in parts if part is not None]
    return reduce(or_, conditions) if conditions else None


def _untypable(columns: RowColumns, prop: Property) -> Column:
    name = raw_column(columns.table, prop.input)
    kind = columns.schema[name].dataType
    if prop.type == "point":
        fields = {field.name: F.col(f"{name}.{field.name}").cast("double") for field in kind}  # type: ignore[attr-defined]
        broken = [field.isNull() | F.isnan(field) for field in fields.values()]
        # Neo4j turns a longitude of 190 into -170, and refuses a latitude of 95.
        broken += [~fields[part].between(-most, most) for part, most in _DEGREES.items() if part in fields]
        return F.col(name).isNotNull() & reduce(or_, broken)
    if BY_NAME[prop.type].is_cast:
        return F.expr(loses(kind, sql_type(prop), name))
    return F.col(name).isNotNull() & columns.value(prop).isNull()


def _untypable_reason(columns: RowColumns, prop: Property) -> str:
    name = raw_column(columns.table, prop.input)
    shown = lost(columns.schema[name].dataType, sql_type(prop), name)
    said = f" in a list is not of type {prop.type}" if is_list(prop) else f" is not of type {prop.type}"
    return f"concat({sql_text(f'{prop.input}: ')}, substring({shown}, 1, 100), {sql_text(said)})"


def _embedding_rules(table: Table, embedding: Embedding) -> Iterator[tuple[str, Column, str]]:
    if embedding.text and embedding.blank_is_dead_letter:
        named = " and ".join(str(part) for part in embedding.text if isinstance(part, Input))
        yield "text_missing", text(table).isNull(), sql_text(f"text {named} is null or blank")
    if embedding.vector:
        yield from _vector_rules(table, embedding.vector, embedding.index.dimension)


def _vector_rules(table: Table, made_from: Input, dimension: int) -> Iterator[tuple[str, Column, str]]:
    vector, name = F.col(raw_column(table, made_from)), f"vector {made_from}"
    has, wanted = sql_text(f"{name} has "), sql_text(f" values, not {dimension}")
    size = f"concat({has}, CAST(size({raw_column(table, made_from)}) AS STRING), {wanted})"
    yield "vector_dimension", vector.isNotNull() & (F.size(vector) != dimension), size
    infinite = (float("inf"), float("-inf"))
    unfit = F.exists(vector, lambda x: x.isNull() | F.isnan(x) | x.isin(*infinite))
    yield "vector_not_finite", unfit, sql_text(f"{name} holds null, NaN or infinity")
    yield "vector_zero", ~F.exists(vector, lambda x: x != 0), sql_text(f"{name} is all zeros")
