"""Which property types a column's type cannot fill, and what to write instead."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.source.column_types import remedy, warning, without_a_place
from delta_neo4j.source.guess import guessed

BINARY, STRING, DOUBLE = T.BinaryType(), T.StringType(), T.DoubleType()
STRUCT = T.StructType([T.StructField("a", STRING)])
VARIANT = getattr(T, "VariantType", None) or type("VariantType", (T.DataType,), {})  # Spark 3.5 has none
EVERY = (
    *(STRING, BINARY, DOUBLE, T.FloatType(), T.LongType(), T.BooleanType(), T.DateType(), T.TimestampType(), STRUCT),
    *(T.DecimalType(10, 2), T.DecimalType(38, 0), T.MapType(STRING, BINARY), T.TimestampNTZType(), T.VarcharType(9)),
)


@pytest.mark.parametrize(
    ("kind", "wanted", "said"),
    [
        (BINARY, "string", "base64(c)"),
        (T.ArrayType(BINARY), "list<string>", "hex(c)"),
        (T.ArrayType(STRING), "string", "a list type"),
        (STRUCT, "string", "to_json(c)"),
        (T.MapType(STRING, STRING), "string", "json"),
        (T.ArrayType(T.ArrayType(STRING)), "list<string>", "type json"),
        (DOUBLE, "string", None),
        (T.ArrayType(DOUBLE), "list<string>", None),
        (T.DecimalType(10, 2), "string", None),
        (T.ArrayType(BINARY), "json", None),
        (VARIANT(), "integer", "try_variant_get(c, '$', 'STRING')"),
        (T.ArrayType(VARIANT()), "list<date>", "try_variant_get"),
        (VARIANT(), "string", None),
    ],
)
def test_a_column_that_makes_no_good_property_is_refused_with_what_to_write(kind, wanted, said):
    """Everything else is written as it is."""
    found = remedy(kind, wanted, "c", is_key=False)
    assert found is None if said is None else said in found


@pytest.mark.parametrize("kind", [DOUBLE, T.FloatType(), T.DecimalType(10, 2)])
def test_a_number_with_a_fraction_is_no_key_as_text(kind):
    """As an integer it is one; a decimal without digits after the point is one as text too."""
    assert "type integer" in remedy(kind, "string", "c", is_key=True)
    assert remedy(kind, "integer", "c", is_key=True) is None
    assert remedy(T.DecimalType(38, 0), "string", "c", is_key=True) is None


@pytest.mark.parametrize(
    ("kind", "wanted", "odd"),
    [
        (DOUBLE, "string", True),
        (T.ArrayType(T.FloatType()), "list<string>", True),
        (DOUBLE, "float", False),
        (T.DecimalType(10, 2), "string", False),
        (T.LongType(), "string", False),
    ],
)
def test_a_float_as_a_text_is_warned_of(kind, wanted, odd):
    """Its texts are not those that a person writes; a decimal's are."""
    assert bool(warning(kind, wanted)) is odd


@pytest.mark.parametrize("kind", [*EVERY, *map(T.ArrayType, EVERY)], ids=lambda kind: kind.simpleString())
def test_no_draft_has_a_property_that_is_refused(kind):
    """What `mapping init` guesses, `mapping check` takes."""
    found = guessed(kind).type
    assert found is None or remedy(kind, found, "c", is_key=False) is warning(kind, found) is None


@pytest.mark.parametrize(
    ("kind", "is_without"),
    [
        (T.NullType(), True),
        (T.ArrayType(T.NullType()), True),
        (T.StructType([T.StructField("a", T.MapType(STRING, T.NullType()))]), True),
        (STRUCT, False),
        (T.DayTimeIntervalType(), False),
    ],
)
def test_types_without_a_place_in_parquet_are_known(kind, is_without):
    """Rows are frozen in Parquet before anything is written."""
    assert without_a_place(kind) is is_without
