"""The keys of a delete, as they are given in Python."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

from delta_neo4j.mapping.plan import Input, Property
from delta_neo4j.runs import upsert


def test_a_moment_without_a_zone_is_one_of_the_mappings_zone():
    """Not of the process's, in which Spark would take it; a moment with a zone, and a date, stay as they are."""
    given = []
    spark = SimpleNamespace(createDataFrame=lambda rows, _: given.extend(rows))
    key = tuple(Property(name, Input(name), kind) for name, kind in (("at", "datetime"), ("on", "date")))
    table = SimpleNamespace(name="t", key=key, timezone="Europe/Berlin")
    zoned = dt.datetime(2024, 1, 1, 9, tzinfo=dt.UTC)
    upsert._frame_of(spark, table, [(dt.datetime(2024, 1, 1, 10), dt.date(2024, 1, 1)), (zoned, None)])  # noqa: DTZ001
    assert given[0][0] == given[1][0] == zoned
    assert given[0][1] == dt.date(2024, 1, 1)
