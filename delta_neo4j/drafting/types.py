"""The property type that suits a column, by its Spark type alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.source_types import is_flat, is_point

if TYPE_CHECKING:
    from delta_neo4j.plan import PropertyType

LONGEST_INTEGER = 18  # digits that always fit 64 bits

_SINGLE: dict[type[T.DataType], PropertyType] = {
    T.StringType: "string", T.BooleanType: "boolean", T.ByteType: "integer", T.ShortType: "integer",
    T.IntegerType: "integer", T.LongType: "integer", T.FloatType: "float", T.DoubleType: "float", T.DateType: "date",
    T.TimestampType: "datetime", T.TimestampNTZType: "local_datetime", T.CharType: "string", T.VarcharType: "string",
}  # fmt: skip
_LISTS: dict[str, PropertyType] = {
    "string": "list<string>", "integer": "list<integer>", "float": "list<float>", "boolean": "list<boolean>",
    "date": "list<date>", "datetime": "list<datetime>", "local_datetime": "list<local_datetime>",
}  # fmt: skip


class Guess(NamedTuple):
    """A property type (None: the column can be no property), and what a reader should know about the choice."""

    type: PropertyType | None
    note: str = ""


def guessed(kind: T.DataType) -> Guess:
    """Give the property type for a Spark type."""
    single = _SINGLE.get(type(kind))
    if single:
        return Guess(single)
    if isinstance(kind, T.DecimalType):
        return _decimal(kind)
    if isinstance(kind, T.ArrayType):
        return _list(kind)
    if isinstance(kind, (T.StructType, T.MapType)):
        return _parts(kind)
    return Guess(None, f"{kind.simpleString()} cannot be a property")


def _decimal(kind: T.DecimalType) -> Guess:
    if kind.scale == 0 and kind.precision <= LONGEST_INTEGER:
        return Guess("integer")
    return Guess("string", f"{kind.simpleString()}, every digit kept; type float calculates, and rounds")


def _list(kind: T.ArrayType) -> Guess:
    item = _SINGLE.get(type(kind.elementType))
    return Guess(_LISTS[item]) if item else Guess("json", "a list of what no property can hold, as text")


def _parts(kind: T.StructType | T.MapType) -> Guess:
    if is_point(kind):
        return Guess("point")
    also = "; type map makes a property of each part" if is_flat(kind) else ""
    return Guess("json", f"{kind.typeName()} as text{also}")
