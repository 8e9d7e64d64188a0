"""
The columns of `sequence_by` as one text of fixed width: the order of the texts is the order of the values.

So Neo4j can compare the versions of two rows as texts, whichever micro-batch reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.mapping.identifiers import sql_text
from delta_neo4j.source.contract import raw_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import Column

    from delta_neo4j.mapping.plan import Table

SEQUENCE = "sequence"  # the column of ranked rows with that text
MOST_BYTES = 32  # of a text or of binary values: versions are properties of nodes
_BYTES = (T.StringType, T.BinaryType, T.CharType, T.VarcharType)
_LONG = T.DecimalType(19, 0)  # every 64-bit integer


def is_sequence(kind: T.DataType) -> bool:
    """Return whether values of a type can be in `sequence_by`. Floats cannot: NaN has no place in an order."""
    moments = (T.DateType, T.TimestampType, T.TimestampNTZType)
    return isinstance(kind, (T.IntegralType, T.DecimalType, *moments, *_BYTES))


def sequence(table: Table, schema: T.StructType) -> Column:
    """Return the text of a contract row's `sequence_by`; null if one of its values is null."""
    names = [raw_column(table, each) for each in table.sequence_by]
    return F.concat(*(_ordered(F.col(name), schema[name].dataType) for name in names))


def faults(table: Table, schema: T.StructType) -> Iterator[tuple[str, Column, str]]:
    """Yield (class, condition, reason as Spark SQL) of the rows that cannot be ordered."""
    for each in table.sequence_by:
        name = raw_column(table, each)
        yield "sequence_missing", F.col(name).isNull(), sql_text(f"sequence {each} is null")
        if isinstance(schema[name].dataType, _BYTES):
            is_long = F.octet_length(name) > MOST_BYTES
            yield "sequence_too_long", is_long, sql_text(f"sequence {each} has more than {MOST_BYTES} bytes")


def _ordered(value: Column, kind: T.DataType) -> Column:
    if isinstance(kind, _BYTES):
        return F.rpad(F.hex(value), 2 * MOST_BYTES, " ")
    if isinstance(kind, T.DecimalType):
        return _of_number(value, kind)
    if isinstance(kind, T.DateType):
        value = F.unix_date(value)
    elif isinstance(kind, T.TimestampType):
        value = F.unix_micros(value)
    elif isinstance(kind, T.TimestampNTZType):
        value = _micros(value)
    return _of_number(value.cast(_LONG), _LONG)


def _of_number(value: Column, kind: T.DecimalType) -> Column:
    """Return all digits of a decimal after its sign; those of a negative number are turned round."""
    digits = F.lpad(F.translate(F.abs(value).cast("string"), ".", ""), kind.precision, "0")
    turned = F.translate(digits, "0123456789", "9876543210")
    return F.when(value < 0, F.concat(F.lit("0"), turned)).otherwise(F.concat(F.lit("1"), digits))


def _micros(value: Column) -> Column:
    """Return microseconds since 1970 of a moment without a zone; a cast to one with a zone would depend on the zone."""
    days, seconds = F.unix_date(value.cast("date")).cast("bigint"), F.date_part(F.lit("SECOND"), value)
    minutes = (days * 24 + F.hour(value)) * 60 + F.minute(value)
    return minutes * 60_000_000 + (seconds * 1_000_000).cast("bigint")
