"""The pairs of a column's type and a property's type that are refused or warned of, with what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.mapping.types import PROPERTY_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

_NESTED = (T.ArrayType, T.StructType, T.MapType)


class Refusal(NamedTuple):
    """A pair of types that is refused: `holds` for the column's type, one of the property's `types`, the `remedy`."""

    holds: Callable[[T.DataType], bool]
    types: frozenset[str]
    remedy: str  # `{0}` is the column
    only_keys: bool = False


def _is_binary(kind: T.DataType) -> bool:
    return isinstance(kind, T.BinaryType)


def _is_nested(kind: T.DataType) -> bool:
    return isinstance(kind, _NESTED)


def _has_fraction(kind: T.DataType) -> bool:
    return isinstance(kind, (T.FloatType, T.DoubleType)) or (isinstance(kind, T.DecimalType) and kind.scale > 0)


def _is_variant(kind: T.DataType) -> bool:
    return kind.typeName() == "variant"  # Spark 3.5 has no such type


_BYTES = "name an expression that makes text of the bytes, hex({0}) or base64({0})"
_WHOLE = (
    "1 would be the key '1.0', which no other node has: write type integer (a value with a fraction is then a dead "
    "letter)"
)
_VARIANT = "name an expression that reads it, try_variant_get({0}, '$', 'STRING')"
_NO_TEXT = frozenset(row.name for row in PROPERTY_TYPES if row.is_cast and "STRING" not in row.sql)
_TEXTS = frozenset({"string", "list<string>"})
# The text of a template has the rules of type string.
REFUSALS = (
    Refusal(_is_binary, _TEXTS, _BYTES),
    Refusal(_is_nested, frozenset({"string"}), "write type json, a list type, or name an expression, to_json({0})"),
    Refusal(_is_nested, frozenset({"list<string>"}), "write type json: a list holds single values"),
    Refusal(_is_variant, _NO_TEXT, _VARIANT),  # its casts cut fractions, and read a text up to what is no date
    Refusal(_has_fraction, frozenset({"string"}), _WHOLE, only_keys=True),
)


def without_a_place(kind: T.DataType) -> bool:
    """Return whether a type, or a type inside it, has no form in Parquet, in which rows are frozen: void, intervals."""
    if isinstance(kind, T.StructType):
        return any(without_a_place(field.dataType) for field in kind)
    if isinstance(kind, T.ArrayType):
        return without_a_place(kind.elementType)
    if isinstance(kind, T.MapType):
        return without_a_place(kind.keyType) or without_a_place(kind.valueType)
    return isinstance(kind, T.NullType) or kind.typeName() == "interval" or "CalendarInterval" in type(kind).__name__


def can_be_ordered(kind: T.DataType) -> bool:
    """Return whether Spark can sort values of a type."""
    return not (isinstance(kind, T.MapType) or _is_variant(kind))


def warning(kind: T.DataType, property_type: str) -> str | None:
    """Return what is odd about a property of this type, filled from a column of type `kind`; None if nothing is."""
    if property_type.startswith("list<") and isinstance(kind, T.ArrayType):
        kind = kind.elementType
    if property_type in _TEXTS and isinstance(kind, (T.FloatType, T.DoubleType)):
        return "42 becomes the text '42.0', 12345678 the text '1.2345678E7'; type float keeps the numbers"
    return None


def remedy(kind: T.DataType, property_type: str, column: str, *, is_key: bool) -> str | None:
    """
    Return what to write instead of a property of this type, filled from a column of type `kind`; None if it is fine.

    `is_key`: whether the value is a part of a key, of the row's node or of an end node. The items of a list are looked
    at one by one.
    """
    if property_type.startswith("list<") and isinstance(kind, T.ArrayType):
        kind = kind.elementType
    for refusal in REFUSALS:
        if property_type in refusal.types and (is_key or not refusal.only_keys) and refusal.holds(kind):
            return refusal.remedy.format(column)
    return None
