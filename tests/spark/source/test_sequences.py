"""The text of a sequence: its order is Spark's order of the values, for every type that can be in one."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.mapping.plan import Input, Table
from delta_neo4j.source.rules import FAULT_CLASS, validated
from delta_neo4j.source.sequences import is_sequence, sequence
from delta_neo4j.source.session_settings import deciding_values

SOME = random.Random(15)  # noqa: S311  # the same values in each run
TEXTS = ["", " ", "a", "a ", "ab", "aa", "Z", "é", "\u00ff", "\U0001f600", "10", "9", "a" * 32]
MOMENTS = [
    f"{year}-03-31 {hour}:30:{second}"
    for year in ("0002", "1969", "2024", "9998")
    for hour in ("01", "02", "03")
    for second in ("00", "00.000001", "01")
]
VALUES = {
    "TINYINT": [-128, -1, 0, 1, 127, 7],
    "BIGINT": [-(2**63), 2**63 - 1, 0, -1, 1, *(SOME.randint(-(2**63), 2**63 - 1) for _ in range(40))],
    "DECIMAL(38, 0)": [Decimal(sign * 10**n - 1) for sign in (-1, 1) for n in range(0, 38, 5)],
    "DECIMAL(38, 38)": [Decimal(f"{sign}0.{'0' * n}1") for sign in ("-", "") for n in range(37)] + [Decimal(0)],
    "DECIMAL(10, 2)": [Decimal(SOME.randint(-(10**10) + 1, 10**10 - 1)) / 100 for _ in range(40)],
    "DATE": [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1), dt.date(1969, 12, 31), dt.date(1582, 10, 4)],
    "TIMESTAMP": [f"{moment}Z" for moment in MOMENTS],
    "TIMESTAMP_NTZ": MOMENTS,
    "STRING": TEXTS,
    "BINARY": [bytes(text, "utf-8") for text in TEXTS] + [b"\x00", b"\x00\x00", b"\xff"],
}  # fmt: skip


def _table(*columns):
    return Table("t", "t", ("L",), (), (), None, (), (), "", sequence_by=tuple(map(Input, columns)))


@pytest.mark.parametrize("kind", VALUES)
def test_texts_sort_as_their_values(spark, kind):
    """Equal values have equal texts, and all texts of a type have one width, in any time zone."""
    given = "STRING" if kind.startswith("TIMESTAMP") else kind
    values = spark.createDataFrame([(value,) for value in [*VALUES[kind], *VALUES[kind]]], f"value {given}")
    rows = values.selectExpr(f"CAST(value AS {kind}) AS c0")
    with deciding_values(spark, "Europe/Berlin"):  # 02:30 is no time of 2024-03-31 there
        text = sequence(_table("c"), rows.schema)
        placed = rows.select(text.alias("text"), F.expr("dense_rank() OVER (ORDER BY c0)").alias("place")).collect()
    assert len({len(row["text"]) for row in placed}) == 1
    assert all(row["text"].isascii() for row in placed)
    by_text = sorted({(row["text"], row["place"]) for row in placed})
    assert [place for _, place in by_text] == list(range(1, len(set(VALUES[kind])) + 1))


def test_rows_that_cannot_be_ordered_are_unsound(spark):
    """A null, or a text of more than 32 bytes."""
    rows = spark.createDataFrame([(1, "a" * 32), (1, "é" * 17), (None, "a"), (1, None)], "c0 INT, c1 STRING")
    found = [row[FAULT_CLASS] for row in validated(_table("a", "b"), rows).collect()]
    assert found == [None, "sequence_too_long", "sequence_missing", "sequence_missing"]


def test_floats_and_nested_values_are_no_sequence():
    """Nor are truth values; everything that has a plain order is one."""
    assert not any(map(is_sequence, (T.DoubleType(), T.FloatType(), T.BooleanType(), T.ArrayType(T.LongType()))))
    assert all(map(is_sequence, (T.ShortType(), T.DecimalType(5, 1), T.VarcharType(9), T.TimestampNTZType())))
