"""Frames upserted and keys deleted without a stream: the same account, the same gate, the same budget."""

from __future__ import annotations

import pytest

from delta_neo4j.graph.writer import GraphWriter
from delta_neo4j.runs import upsert
from delta_neo4j.state.mappings import MappingHistory
from delta_neo4j.state.tables import State
from tests.support.tables import frame, removal


def test_a_lost_key_fails_the_deletion(spark, loads, lts_graph, monkeypatch):
    """One of three keys never reaches the graph: the sums say so."""
    delete = GraphWriter.delete
    monkeypatch.setattr(GraphWriter, "delete", lambda self, rows, table: delete(self, rows.limit(2), table))
    report = upsert.delete(spark, loads(lts_graph).settings(), ["a", "b", "c"])
    assert (report.exit_code, report.balanced) == (4, False)


def test_a_step_that_fails_without_a_stream_ends_in_a_report(spark, lts_graph, loads):
    """The gate stops it: exit code 5, and the run is on record."""
    runs = loads(lts_graph)
    report = upsert.upsert(spark, runs.settings(), frame(spark, [removal(n, id=None) for n in range(150)]))
    assert (report.exit_code, report.status) == (5, "failed")
    assert "<<" not in str(report.error)
    assert State(runs.state).read(spark, "runs").count() == 1


def test_a_budget_holds_without_a_stream_too(spark, lts_graph, loads, endpoint):
    """Of seven texts three are paid for."""
    runs = loads(lts_graph)
    report = upsert.upsert(spark, runs.settings(budget_texts=3), frame(spark, [removal(n) for n in range(20)]))
    assert (report.exit_code, report.status) == (6, "stopped")
    assert len(set(endpoint.texts) & {f"Oil leak at fitting {n}" for n in range(7)}) == 3


@pytest.mark.parametrize("keys", ["RE000001", b"RE000001", {"removal_id": "RE000001"}, 7])
def test_keys_are_a_list(spark, lts_graph, loads, keys):
    """A text is not taken apart into keys of one letter."""
    report = upsert.delete(spark, loads(lts_graph).settings(), keys)
    assert "a list of keys" in str(report.error)


def test_frames_are_upserted_and_keys_deleted_with_the_same_account(spark, lts_graph, loads):
    """No stream, no checkpoint: rows read = outcomes, dead letters are kept, the newest call wins."""
    runs = loads(lts_graph)
    rows = [removal(n) for n in range(5)]
    report = upsert.upsert(spark, runs.settings(), frame(spark, [*rows, removal(9, id=None)]))
    assert report.error is None
    outcomes = report.summary()["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["dead_lettered"], report.balanced) == (5, 1, True)
    upsert.upsert(spark, runs.settings(), frame(spark, [removal(1, RMV_REA_TX="newer")]))
    assert lts_graph.value("MATCH (n {removal_id: 'RE000001'}) RETURN n.RMV_REA_TX AS t") == "newer"
    report = upsert.delete(spark, runs.settings(), ["RE000001", "RE000002", "RE000002", "nobody"])
    outcomes = report.summary()["totals"]["outcomes"]
    assert (report.summary()["totals"]["rows_read"], report.balanced) == (4, True)
    assert (outcomes["deleted"], outcomes["unchanged"], outcomes["superseded"]) == (2, 1, 1)
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 3
    history = MappingHistory.of_all(spark, State(runs.state), ["removals"])["removals"]
    assert (len(history.records), history.columns) == (1, None)  # a frame says nothing of a table's columns
    keys = spark.createDataFrame([("RE000003",)], "`:ID(RemovalEvent)` STRING")
    assert upsert.delete(spark, runs.settings(), keys).summary()["totals"]["outcomes"]["deleted"] == 1
