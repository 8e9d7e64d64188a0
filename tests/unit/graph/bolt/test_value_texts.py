"""Texts of values are equal exactly if the values are, whichever side they come from."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from neo4j import spatial
from neo4j import time as neo4j_time

from delta_neo4j.graph.bolt.value_texts import moment_text, value_text

NOON = dt.datetime(2024, 8, 15, 12, 30, 0, 123456, tzinfo=dt.UTC)
SECONDS, NANOSECONDS = int(NOON.timestamp()), 123_456_000


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (moment_text("datetime", SECONDS, NANOSECONDS), neo4j_time.DateTime.from_native(NOON)),
        (
            moment_text("local_datetime", SECONDS, NANOSECONDS),
            neo4j_time.DateTime.from_native(NOON.replace(tzinfo=None)),
        ),
        (moment_text("date", -62_135_596_800, 0), neo4j_time.Date(1, 1, 1)),
        (value_text([NOON]), [neo4j_time.DateTime.from_native(NOON)]),
        (value_text([dt.date(33, 4, 5)]), [neo4j_time.Date(33, 4, 5)]),
        (value_text(spatial.WGS84Point((7.5, 1.0))), spatial.WGS84Point((7.5, 1.0))),
        (value_text(["a", "'"]), ("a", "'")),
        (value_text(math.nan), math.nan),
    ],
)
def test_a_value_that_is_written_and_read_back_has_one_text(written, read):
    """Moments, dates and points have the same text as written and as the driver returns them."""
    assert written == value_text(read)


def test_values_that_differ_have_other_texts():
    """Types, zones, nanoseconds and coordinate systems count."""
    values = [
        *(1, 1.0, "1", True, "True", -0.0, 0.0, [1], ["1"], [[1]], b"1", "", []),
        dt.date(2024, 8, 15),
        NOON,
        NOON.replace(tzinfo=None),
        NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
        neo4j_time.DateTime(2024, 8, 15, 12, 30, 0, 123_456_001, tzinfo=dt.UTC),
        spatial.CartesianPoint((1.0, 2.0)),
        spatial.WGS84Point((1.0, 2.0)),
        spatial.WGS84Point((1.0, 2.0, 3.0)),
    ]
    texts = list(map(value_text, values))
    assert len(set(texts)) == len(values), texts


def test_a_property_without_a_value_has_no_text():
    """A temporal property that is null is absent."""
    assert moment_text("date", None, None) is None
