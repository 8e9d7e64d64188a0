"""Whether the source's columns can become what the mapping asks, looked at before any row is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.errors import PreflightError
from delta_neo4j.plan import TEXT_HASH, Input
from delta_neo4j.source import contract, raw_column
from delta_neo4j.validation import mapped, typed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.plan import Property, Table

POINTS = ({"longitude", "latitude"}, {"longitude", "latitude", "height"}, {"x", "y"}, {"x", "y", "z"})
_VALUES = (
    T.StringType, T.BooleanType, T.ByteType, T.ShortType, T.IntegerType, T.LongType, T.FloatType, T.DoubleType,
    T.DateType, T.TimestampType, T.TimestampNTZType,
)  # fmt: skip


def check_types(table: Table, empty: DataFrame) -> None:
    """Raise `PreflightError` for a column whose type cannot become what the mapping asks."""
    rows = contract(table, empty)
    for prop in mapped(table):
        if prop.input != TEXT_HASH:
            _check(table, prop, rows)
    embedding = table.embedding
    for piece in embedding.text if embedding else ():
        if isinstance(piece, Input) and len(embedding.text) == 1:  # type: ignore[union-attr]
            _require(table, piece, rows, T.StringType, "a text")
    if embedding and embedding.vector:
        kind = _kind(table, embedding.vector, rows)
        if not (isinstance(kind, T.ArrayType) and isinstance(kind.elementType, (T.FloatType, T.DoubleType))):
            raise PreflightError(_wrong_type(table, embedding.vector, kind, "a vector (array<float>)"))


def _check(table: Table, prop: Property, rows: DataFrame) -> None:
    kind = _kind(table, prop.input, rows)
    if prop.type == "point" and not is_point(kind):
        wanted = "a point (a struct of longitude and latitude, or x and y, with height or z where there is one)"
        raise PreflightError(_wrong_type(table, prop.input, kind, wanted))
    if prop.type == "map" and not is_flat(kind):
        wanted = "flattened (a struct or a map of text to single values); type json keeps it whole"
        raise PreflightError(_wrong_type(table, prop.input, kind, wanted))
    try:
        rows.select(typed(table, prop)).schema  # noqa: B018  # analysis is what raises
    except AnalysisException as error:
        raise PreflightError(_wrong_type(table, prop.input, kind, f"a property of type {prop.type}")) from error


def is_point(kind: T.DataType) -> bool:
    """Tell whether a type is a struct of the numbers that make a point."""
    return (
        isinstance(kind, T.StructType)
        and set(kind.fieldNames()) in POINTS
        and all(isinstance(field.dataType, T.NumericType) for field in kind)
    )


def is_flat(kind: T.DataType) -> bool:
    """Tell whether a type is a struct, or a map of text, to single values."""
    if isinstance(kind, T.StructType):
        return all(isinstance(field.dataType, _VALUES) for field in kind)
    return (
        isinstance(kind, T.MapType) and isinstance(kind.keyType, T.StringType) and isinstance(kind.valueType, _VALUES)
    )


def _kind(table: Table, made_from: Input, rows: DataFrame) -> T.DataType:
    return rows.schema[raw_column(table, made_from)].dataType


def _require(table: Table, made_from: Input, rows: DataFrame, wanted: type[T.DataType], name: str) -> None:
    kind = _kind(table, made_from, rows)
    if not isinstance(kind, wanted):
        raise PreflightError(_wrong_type(table, made_from, kind, name))


def _wrong_type(table: Table, made_from: Input, kind: T.DataType, wanted: str) -> str:
    return (
        f"source table {table.source}: {made_from} is {kind.simpleString()}, which cannot be {wanted}; change the "
        f"mapping of table {table.name}"
    )
