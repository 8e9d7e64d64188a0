"""Checks that the types of a source's columns can become what the mapping asks for, before any row is read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.identifiers import sql_quoted
from delta_neo4j.mapping.plan import TEXT_HASH, Input
from delta_neo4j.mapping.types import BY_NAME
from delta_neo4j.source import column_types
from delta_neo4j.source.casts import loses
from delta_neo4j.source.contract import contract, raw_column
from delta_neo4j.source.sequences import is_sequence
from delta_neo4j.source.values import sql_type, typed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.mapping.plan import Embedding, Property, Table

log = logging.getLogger(__name__)

_POINTS = ({"longitude", "latitude"}, {"longitude", "latitude", "height"}, {"x", "y"}, {"x", "y", "z"})
_SINGLE_VALUES = (
    T.StringType, T.BooleanType, T.ByteType, T.ShortType, T.IntegerType, T.LongType, T.FloatType, T.DoubleType,
    T.DateType, T.TimestampType, T.TimestampNTZType,
)  # fmt: skip


def check_types(table: Table, empty: DataFrame) -> None:
    """
    Raise `PreflightError` for a column whose type cannot become what the mapping asks for; log a warning if it is odd.

    `empty` is a frame without rows that has the source's columns.
    """
    rows = contract(table, empty)
    keys = {*table.key, *(part for related in table.relationships for part in related.identity)}
    for each in table.inputs:
        if column_types.without_a_place(kind := _type_of(table, each, rows)):
            raise _wrong_type(
                table, each, kind, "stored", f"name an expression with a type, cast({_as_sql(each)} AS STRING)"
            )
    for each in table.order_by:
        if not column_types.can_be_ordered(kind := _type_of(table, each, rows)):
            raise _wrong_type(table, each, kind, "in order_by")
    filled = [prop for prop in table.filled if prop.input != TEXT_HASH]
    for prop in filled:
        _check_property(table, prop, rows, is_key=prop in keys)
    _check_casts(table, filled, rows)
    for each in table.sequence_by:
        if not is_sequence(kind := _type_of(table, each, rows)):
            wanted = "a sequence (an integer, decimal, date, timestamp, text or binary)"
            raise _wrong_type(table, each, kind, wanted)
    if table.embedding:
        _check_embedding(table, table.embedding, rows)
    if table.deleted_when and not isinstance(kind := _type_of(table, table.deleted_when, rows), T.BooleanType):
        raise _wrong_type(table, table.deleted_when, kind, "the condition `deleted_when` (true or false)")


def _check_property(table: Table, prop: Property, rows: DataFrame, *, is_key: bool) -> None:
    kind = _type_of(table, prop.input, rows)
    remedy = column_types.remedy(kind, prop.type, _as_sql(prop.input), is_key=is_key)
    if remedy:
        raise _wrong_type(table, prop.input, kind, f"a {'key' if is_key else 'property'} of type {prop.type}", remedy)
    if odd := column_types.warning(kind, prop.type):
        log.warning("types.odd", extra={"table": table.name, "column": str(prop.input), "told": odd})
    if prop.type == "point" and not is_point(kind):
        wanted = "a point (a struct of longitude and latitude, or of x and y; height or z is optional)"
        raise _wrong_type(table, prop.input, kind, wanted)
    if prop.type == "map" and not is_flat(kind):
        wanted = "a map (a struct, or a map with string keys, of single values); type json stores it as text"
        raise _wrong_type(table, prop.input, kind, wanted)


def _check_casts(table: Table, filled: list[Property], rows: DataFrame) -> None:
    casts = []
    for prop in filled:
        casts.append(typed(table, prop))
        if BY_NAME[prop.type].is_cast:
            kind = _type_of(table, prop.input, rows)
            casts.append(F.expr(loses(kind, sql_type(prop), raw_column(table, prop.input))))
    try:
        rows.select(*casts).schema  # noqa: B018  # makes Spark check the casts
    except AnalysisException as error:
        for prop in filled if len(filled) > 1 else ():  # look for the one that cannot be cast
            _check_casts(table, [prop], rows)
        made_from, wanted = filled[0].input, f"a property of type {filled[0].type}"
        raise _wrong_type(table, made_from, _type_of(table, made_from, rows), wanted) from error


def _check_embedding(table: Table, embedding: Embedding, rows: DataFrame) -> None:
    for part in (each for each in embedding.text if isinstance(each, Input)):
        kind = _type_of(table, part, rows)
        if column_types.remedy(kind, "string", _as_sql(part), is_key=False):
            remedy = "make a column of type STRING of it in the source table: a text is made of columns"
            raise _wrong_type(table, part, kind, "a text, or a part of one", remedy)
    # A template casts its columns to text; a text that is one column must be text already.
    if len(embedding.text) == 1 and isinstance(column := embedding.text[0], Input):
        kind = _type_of(table, column, rows)
        if not isinstance(kind, T.StringType):
            raise _wrong_type(table, column, kind, "a text")
    if embedding.vector:
        kind = _type_of(table, embedding.vector, rows)
        if not (isinstance(kind, T.ArrayType) and isinstance(kind.elementType, (T.FloatType, T.DoubleType))):
            raise _wrong_type(table, embedding.vector, kind, "a vector (array<float>)")


def is_point(kind: T.DataType) -> bool:
    """Return whether a type is a struct of the numbers that make a point."""
    return (
        isinstance(kind, T.StructType)
        and set(kind.fieldNames()) in _POINTS
        and all(isinstance(field.dataType, T.NumericType) for field in kind)
    )


def is_flat(kind: T.DataType) -> bool:
    """Return whether a type is a struct, or a map with string keys, of single values."""
    if isinstance(kind, T.StructType):
        return all(isinstance(field.dataType, _SINGLE_VALUES) for field in kind)
    return (
        isinstance(kind, T.MapType)
        and isinstance(kind.keyType, T.StringType)
        and isinstance(kind.valueType, _SINGLE_VALUES)
    )


def _as_sql(made_from: Input) -> str:
    plain = made_from.source
    return plain.text if plain.is_expression or plain.text.isidentifier() else sql_quoted(plain.text)


def _type_of(table: Table, made_from: Input, rows: DataFrame) -> T.DataType:
    return rows.schema[raw_column(table, made_from)].dataType


def _wrong_type(
    table: Table, made_from: Input, kind: T.DataType, wanted: str, remedy: str = "change the mapping"
) -> PreflightError:
    return PreflightError(
        f"source table {table.source}: {made_from} is {kind.simpleString()}, which cannot be {wanted}; in table "
        f"{table.name} of the mapping, {remedy}"
    )
