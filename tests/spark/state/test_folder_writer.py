"""Rows that are appended to a folder without Spark are those that Spark would append."""

from __future__ import annotations

import datetime as dt

import pytest

from delta_neo4j.errors import spark_errors
from delta_neo4j.source.local_folder import is_seen
from delta_neo4j.state import checkpoint, folder_writer
from delta_neo4j.state.schemas import PARTITIONED_BY, SCHEMAS, columns
from delta_neo4j.state.tables import State
from tests.support.states import as_on_a_cluster

MOMENT = dt.datetime(2026, 2, 3, 4, 5, 6, 789, dt.UTC)
VALUES = {"STRING": "a 'text' ✈", "BINARY": b"\x00\xff", "INT": 7, "BIGINT": 2**40, "TIMESTAMP": MOMENT}


def _rows(name):
    kinds = list(columns(name).values())
    of_key = len(PARTITIONED_BY.get(name, ()))
    return [tuple(VALUES[kind] for kind in kinds), tuple("x" if i < of_key else None for i in range(len(kinds)))]


def _by_spark(spark, state, name, rows):
    state.append(spark.createDataFrame(rows, SCHEMAS[name]), name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_both_append_the_same_rows(spark, tmp_path, name):
    """To a new table and to one that the other has made, in the types that the table declares."""
    ours, theirs, rows = State(f"{tmp_path}/ours"), State(f"{tmp_path}/theirs"), _rows(name)
    assert folder_writer.append(f"{tmp_path}/ours/{name}", name, rows)
    _by_spark(spark, theirs, name, rows)
    _by_spark(spark, ours, name, rows)
    assert folder_writer.append(f"{tmp_path}/theirs/{name}", name, rows)
    found = [state.read(spark, name) for state in (ours, theirs)]
    assert found[0].schema == found[1].schema == spark.createDataFrame([], SCHEMAS[name]).schema
    assert sorted(map(repr, found[0].collect())) == sorted(map(repr, found[1].collect()))
    assert found[0].count() == 4


def test_a_pair_that_is_known_is_ignored_and_a_new_column_is_added(spark, tmp_path):
    """Whichever of the two has appended the pair; the table is of a release that lacked the ledger's last columns."""
    state, (row, _) = State(str(tmp_path)), _rows("ledger")
    older = spark.createDataFrame([row], SCHEMAS["ledger"]).drop("swept", "bookmarks")
    state.append(older, "ledger", once=("load", 1))
    for version in (1, 2, 2):
        assert folder_writer.append(f"{tmp_path}/ledger", "ledger", [row], once=("load", version))
    assert [each["swept"] for each in state.read(spark, "ledger").orderBy("swept").collect()] == [None, 2**40]
    state.append(spark.createDataFrame([row], SCHEMAS["ledger"]), "ledger", once=("load", 2))
    assert state.read(spark, "ledger").count() == 2


@pytest.mark.classic
def test_only_a_session_that_was_started_here_is_passed_by(spark, tmp_path):
    """On a cluster the folder is another one; a path that is no folder is told by Spark's error."""
    assert is_seen(spark, str(tmp_path))
    assert not is_seen(spark, "main.state")
    with as_on_a_cluster(spark):
        assert not is_seen(spark, str(tmp_path))
    jobs = spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs
    state, before = State(f"{tmp_path}/state"), jobs()
    assert state.version(spark, "runs") is None
    state.append_rows(spark, "runs", [])
    state.append_rows(spark, "runs", _rows("runs"))
    assert len(state.rows(spark, "SELECT run_id FROM {runs}")) == 2
    assert state.rows(spark, "SELECT run_id FROM {models}") == []
    kind = {"table_id": "t", "source_mode": "append", "digest": "d", "database_id": "b"}
    assert checkpoint.stored(spark, f"{tmp_path}/c") is None
    load = checkpoint.begin(spark, f"{tmp_path}/c", 0, **kind)
    assert (checkpoint.stored(spark, f"{tmp_path}/c"), state.version(spark, "runs"), jobs()) == (load, 1, before)
    assert state.read(spark, "runs").count() == 2
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(spark_errors()):
        State(str(tmp_path)).append_rows(spark, "runs", _rows("runs"))
