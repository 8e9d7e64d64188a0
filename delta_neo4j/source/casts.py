"""
The casts from a column's type to a property's type, and when a cast keeps the whole value.

A row with a value that its cast loses, or loses a part of, is unsound. Each condition is Spark SQL over an expression,
because the same rule holds for a column, and for the elements of a list inside a lambda function. No pattern has a
backslash: whether Spark reads one as an escape is a setting of the session.
"""

from __future__ import annotations

from pyspark.sql import types as T  # noqa: N812

_SPACE = "[ \t\n\x0b\f\r]*"
_DAY = "[+-]?[0-9]{4,7}-[0-9]{1,2}-[0-9]{1,2}"
_TIME = "[0-9]{1,2}(:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?)?"
# A value has microseconds: further digits of a second must be zeros.
_EXACT_TIME = _TIME.replace("[0-9]*", "[0-9]{0,6}0*")
# Java reads these as places: BST as Dhaka, PST as Los Angeles, also in summer.
_TWO_MEANINGS = "A[CERS]T|AGT|BET|BST|C[ANST]T|CTT|E[AC]T|I[ES]T|JST|MIT|N[ES]T|P[LNRS]T|SST|VST"
_ZONE = f" *(?!({_TWO_MEANINGS})[ \t]*$)[A-Za-z+-][A-Za-z0-9_/:+-]*"  # the cast itself refuses what is no zone
_WHOLE_NUMBER = "[+-]?[0-9]+([.]0*)?"
_NUMBER = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity)|(?i:nan)"
_MOST_FLOAT, _MOST_INTEGER = "1.7976931348623157E308D", "9223372036854775807"

# A local date-time has no zone: a text that names one would lose it.
_TEXT_FORMS = {
    "DATE": f"{_DAY}([T ]{_TIME}({_ZONE})?)?",
    "TIMESTAMP": f"{_DAY}([T ]{_EXACT_TIME}({_ZONE})?)?",
    "TIMESTAMP_NTZ": f"{_DAY}([T ]{_EXACT_TIME})?",
}


def keeps(kind: T.DataType, sql: str, value: str) -> str:
    """
    Return the condition under which `try_cast(value AS sql)` has the whole of a value of type `kind`.

    `value` and the result are Spark SQL. The condition is false or null for a null, and if the cast fails.

    Numbers are compared by value, so '007' is a sound 7. A float holds every whole number exactly or not at all, and
    rounds a fraction as every float does. A text for a moment has year, month and day, and nothing but a moment. A
    moment as a date drops its time, which is what the mapping asks for.
    """
    cast = f"try_cast({value} AS {sql})"
    if isinstance(kind, T.StringType):
        return _keeps_text(sql, f"CAST({value} AS STRING)")  # without its collation: RLIKE does not take every one
    if sql == "DOUBLE" and isinstance(kind, (T.DecimalType, T.IntegralType)):
        return f"{value} % 1 <> 0 OR {_holds_whole(f'try_cast({value} AS DECIMAL(38, 0))')}"
    if {sql, kind.simpleString().upper()} == {"TIMESTAMP", "TIMESTAMP_NTZ"}:
        # The hour that a zone skips, or has twice: another moment is not the value.
        return f"try_cast({cast} AS {kind.simpleString()}) = {value}"
    if isinstance(kind, T.NullType) or sql in {"STRING", "DOUBLE", "DATE", "TIMESTAMP_NTZ"}:
        return f"{cast} IS NOT NULL"
    if sql == "TIMESTAMP" and not isinstance(kind, T.NumericType):
        return f"{cast} IS NOT NULL"
    comes_back = f"try_cast({cast} AS {kind.simpleString()}) = {value}"
    # Spark casts 2^63, which no integer of 64 bits is, to the integer below; no float is that integer.
    return f"{comes_back} AND {cast} < {_MOST_INTEGER}" if _is_float(kind) and sql == "BIGINT" else comes_back


def _is_float(kind: T.DataType) -> bool:
    return isinstance(kind, (T.FloatType, T.DoubleType))


def _holds_whole(whole: str) -> str:
    """Return whether a float holds a whole number of type DECIMAL(38, 0): by its bits, or by the digits it prints."""
    cast = f"try_cast({whole} AS DOUBLE)"
    by_bits = f"{whole} < {_MOST_INTEGER} AND try_cast(try_cast({cast} AS BIGINT) AS DECIMAL(38, 0)) = {whole}"
    return f"({by_bits} OR try_cast({cast} AS DECIMAL(38, 0)) = {whole})"


def _keeps_text(sql: str, value: str) -> str:
    cast = f"try_cast({value} AS {sql})"
    if sql == "DOUBLE":
        # Spark makes infinity of a number that is too large, and 0 of one that is too small.
        in_range = f"({cast} BETWEEN -{_MOST_FLOAT} AND {_MOST_FLOAT} OR NOT {value} RLIKE '[0-9]')"
        not_lost = f"({cast} <> 0 OR NOT {value} RLIKE '^[^eE]*[1-9]')"
        exact = f"(NOT {_is(value, _WHOLE_NUMBER)} OR {_holds_whole(f'try_cast({value} AS DECIMAL(38, 0))')})"
        return f"{_is(value, _NUMBER)} AND {in_range} AND {not_lost} AND {exact}"
    if sql in _TEXT_FORMS:
        # Spark reads a date up to the first space or T and ignores what follows, so the whole must be a moment too.
        whole = f"{_is(value, _TEXT_FORMS[sql])} AND {cast} IS NOT NULL AND try_cast({value} AS TIMESTAMP) IS NOT NULL"
        if sql != "TIMESTAMP":
            return whole
        # A text without a zone may name an hour that the session's zone skips.
        same = f"try_cast({cast} AS TIMESTAMP_NTZ) = try_cast({value} AS TIMESTAMP_NTZ)"
        return f"{whole} AND ({same} OR NOT {_is(value, _TEXT_FORMS['TIMESTAMP_NTZ'])})"
    return f"{cast} IS NOT NULL"


def _is(value: str, form: str) -> str:
    return f"{value} RLIKE '^{_SPACE}({form}){_SPACE}$'"


def loses(kind: T.DataType, sql: str, value: str) -> str:
    """
    Return the condition, in Spark SQL, that a value is there and its cast does not have the whole of it.

    A list is lost if one of its elements is, or is null: a list in Neo4j holds no null.
    """
    if _is_list(kind, sql):
        return f"coalesce(exists({value}, {_lost_element(kind, sql)}), false)"
    return f"({value} IS NOT NULL AND NOT coalesce({keeps(kind, sql, value)}, false))"


def lost(kind: T.DataType, sql: str, value: str) -> str:
    """Return, in Spark SQL, the text of a value that its cast loses; of a list, of the first element that is lost."""
    shown = f"get(filter({value}, {_lost_element(kind, sql)}), 0)" if _is_list(kind, sql) else value
    return f"coalesce(CAST({shown} AS STRING), 'null')"


def _is_list(kind: T.DataType, sql: str) -> bool:
    return isinstance(kind, T.ArrayType) and sql.startswith("ARRAY<")


def _lost_element(kind: T.DataType, sql: str) -> str:
    item = sql.removeprefix("ARRAY<").removesuffix(">")
    return f"element -> NOT coalesce({keeps(kind.elementType, item, 'element')}, false)"  # type: ignore[attr-defined]
