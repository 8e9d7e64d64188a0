"""Rows frozen beside the checkpoint come back as they were, whatever the session is set to."""

from __future__ import annotations

import datetime as dt

import pytest

from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.source import freeze
from delta_neo4j.source.contract import raw_column
from delta_neo4j.source.ranking import UNSOUND, WINNER

TABLE = {"name": "things", "source": "t", "labels": ["Thing"], "key": [{"column": "id"}]}


@pytest.fixture
def frozen(spark, tmp_path):
    """Freeze rows of (id, day, state)."""
    table = MappingModel(tables=[TABLE]).tables[0].planned()

    def of(rows):
        frame = spark.createDataFrame(rows, "id STRING, day DATE, state STRING").selectExpr(
            "id", "day", "cast(day AS TIMESTAMP) AS moment", "state", "sha(id) AS text_hash"
        )
        frame = frame.withColumnRenamed("id", raw_column(table, table.key[0].input))
        found = freeze.freeze(table, frame, str(tmp_path / "rows"), 1)
        return found.selectExpr("state", "string(day)", "string(moment)").collect()

    return of


def test_moments_before_the_gregorian_calendar_are_frozen(spark, frozen):
    """Spark 3.5 refuses to write them unless told; the session's own setting is as it was afterwards."""
    name = "spark.sql.parquet.datetimeRebaseModeInWrite"
    before = spark.conf.get(name)
    (row,) = frozen([("a", dt.date(1, 1, 1), WINNER)])
    assert (row["day"], row["moment"]) == ("0001-01-01", "0001-01-01 00:00:00")
    assert spark.conf.get(name) == before


def test_a_micro_batch_replaces_all_of_the_one_before(spark, frozen):
    """Its unsound rows too, where the session overwrites partitions one by one."""
    name = "spark.sql.sources.partitionOverwriteMode"
    before = spark.conf.get(name)
    spark.conf.set(name, "dynamic")
    try:
        frozen([("a", None, WINNER), ("b", None, UNSOUND)])
        assert [row["state"] for row in frozen([("c", None, WINNER)])] == [WINNER]
    finally:
        spark.conf.set(name, before)
