"""The property type that a Spark type suggests."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.source.guess import guessed

STRING, LONG = T.StringType(), T.LongType()


POINT = T.StructType([T.StructField("longitude", T.DoubleType()), T.StructField("latitude", T.DoubleType())])


FLAT = T.StructType([T.StructField("a", T.StringType())])


@pytest.mark.parametrize(
    ("kind", "type_", "note"),
    [
        (T.ShortType(), "integer", ""),
        (T.FloatType(), "float", ""),
        (T.TimestampType(), "datetime", ""),
        (T.TimestampNTZType(), "local_datetime", ""),
        (T.DecimalType(10, 2), "string", "type float"),
        (T.DecimalType(18, 0), "integer", ""),
        (T.DecimalType(38, 0), "string", "type float"),
        (POINT, "point", ""),
        (FLAT, "json", "type map"),
        (T.MapType(STRING, LONG), "json", "type map"),
        (T.MapType(LONG, LONG), "json", "as text"),
        (T.ArrayType(T.DateType()), "list<date>", ""),
        (T.ArrayType(FLAT), "json", "as text"),
        (T.BinaryType(), None, "binary cannot be a property"),
        (T.NullType(), None, "cannot be a property"),
    ],
)
def test_a_spark_type_suggests_a_property_type(kind, type_, note):
    """Where there is a choice, the note offers the other one."""
    found = guessed(kind)
    assert found.type == type_
    assert note in found.note
