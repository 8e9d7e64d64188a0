"""The property type that suits a column's Spark type, if no mapping names one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.source.types import is_flat, is_point

if TYPE_CHECKING:
    from delta_neo4j.mapping.types import PropertyType

_LONGEST_INTEGER = 18  # decimal digits that always fit 64 bits
_SINGLE: dict[type[T.DataType], PropertyType] = {
    T.StringType: "string", T.BooleanType: "boolean", T.ByteType: "integer", T.ShortType: "integer",
    T.IntegerType: "integer", T.LongType: "integer", T.FloatType: "float", T.DoubleType: "float", T.DateType: "date",
    T.TimestampType: "datetime", T.TimestampNTZType: "local_datetime", T.CharType: "string", T.VarcharType: "string",
}  # fmt: skip
LISTS: dict[str, PropertyType] = {
    "string": "list<string>", "integer": "list<integer>", "float": "list<float>", "boolean": "list<boolean>",
    "date": "list<date>", "datetime": "list<datetime>", "local_datetime": "list<local_datetime>",
}  # fmt: skip


class Guess(NamedTuple):
    """A property type, None if the column cannot be a property, and a note on the choice for the user."""

    type: PropertyType | None
    note: str = ""


def guessed(kind: T.DataType) -> Guess:
    """Return the property type that suits a Spark type, with a note if another one is possible or none is."""
    single = _SINGLE.get(type(kind))
    if single:
        return Guess(single)
    if isinstance(kind, T.DecimalType):
        return _of_decimal(kind)
    if isinstance(kind, T.ArrayType):
        return _of_array(kind)
    if isinstance(kind, (T.StructType, T.MapType)):
        return _of_struct_or_map(kind)
    return Guess(None, f"{kind.simpleString()} cannot be a property")


def _of_decimal(kind: T.DecimalType) -> Guess:
    if kind.scale == 0 and kind.precision <= _LONGEST_INTEGER:
        return Guess("integer")
    return Guess("string", f"{kind.simpleString()} with every digit; type float is a number, but rounds")


def _of_array(kind: T.ArrayType) -> Guess:
    item = _SINGLE.get(type(kind.elementType))
    return Guess(LISTS[item]) if item else Guess("json", "JSON as text: Neo4j has no list of these elements")


def _of_struct_or_map(kind: T.StructType | T.MapType) -> Guess:
    if is_point(kind):
        return Guess("point")
    also = "; type map makes one property of each field" if is_flat(kind) else ""
    return Guess("json", f"{kind.typeName()}, JSON as text{also}")
