"""Frames upserted and keys deleted without a stream: the same account, the same gate, the same budget."""

from __future__ import annotations

import pytest

from delta_neo4j.graph.writer import GraphWriter
from delta_neo4j.runs import steps, upsert
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


PARTS = """
tables:
  - name: parts
    source: parts
    labels: [Part]
    key: [{property: part_id, column: id}]
    properties: [{column: weight, type: integer}]
"""


def test_a_frame_of_changes_is_followed_as_the_tables_feed_is(spark, tables, newest_graph, tmp_path):
    """Updates and deletes count in commit order, in `upsert` and in `process_batch`; a key that is back stays."""
    runs = tables(PARTS, {"parts": []}, {"parts": "id STRING, weight STRING"})
    path = f"delta.`{tmp_path}/parts`"
    spark.sql(f"ALTER TABLE {path} SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    for statement in (
        f"INSERT INTO {path} VALUES ('a', '1'), ('b', '2'), ('c', '3')",
        f"UPDATE {path} SET weight = '10' WHERE id = 'a'",
        f"DELETE FROM {path} WHERE id IN ('b', 'c')",
        f"INSERT INTO {path} VALUES ('c', '30')",
    ):
        spark.sql(statement)
    feed = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", "2")
    report = upsert.upsert(spark, runs.settings(), feed.load(str(tmp_path / "parts")))
    assert report.error is None, report.error
    assert report.summary()["tables"][0]["changes"] == {
        "insert": 4, "update_preimage": 1, "update_postimage": 1, "delete": 2,
    }  # fmt: skip
    weights = "MATCH (n:Part) RETURN n.part_id AS id, n.weight AS weight ORDER BY id"
    assert [tuple(row.values()) for row in newest_graph.query(weights)] == [("a", 10), ("c", 30)]

    spark.sql(f"MERGE INTO {path} t USING (SELECT 'd' AS id) s ON t.id = 'a' WHEN MATCHED THEN UPDATE SET id = 'd'")
    stream = spark.readStream.format("delta").option("readChangeFeed", "true").option("startingVersion", "6")
    batches = stream.load(str(tmp_path / "parts")).writeStream.foreachBatch(
        steps.batch_function(spark, runs.settings())
    )
    query = batches.option("checkpointLocation", str(tmp_path / "mine")).trigger(availableNow=True).start()
    query.awaitTermination()
    assert [tuple(row.values()) for row in newest_graph.query(weights)] == [("c", 30), ("d", 10)]


def test_a_delete_is_looked_up_in_a_table_that_got_a_column_since(spark, tables, newest_graph, tmp_path):
    """The mapping adds new columns, and the version of the delete has not the column yet: there it is null."""
    mapping = f"{PARTS}    new_columns: add\n"
    runs = tables(mapping, {"parts": [("a", "1"), ("b", "2"), ("b", "3")]}, {"parts": "id STRING, weight STRING"})
    path = f"delta.`{tmp_path}/parts`"
    spark.sql(f"ALTER TABLE {path} SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    runs.succeed()
    spark.sql(f"DELETE FROM {path} WHERE weight IN ('1', '3')")
    spark.sql(f"ALTER TABLE {path} ADD COLUMN colour STRING")
    feed = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", "2")
    report = upsert.upsert(spark, runs.settings(), feed.load(str(tmp_path / "parts")))
    assert report.error is None, report.error
    (node,) = newest_graph.query("MATCH (n:Part) RETURN properties(n) AS p")
    # Delta's own columns of a feed are no new columns of the table.
    shown = {name: value for name, value in node["p"].items() if not name.startswith("_dn_")}
    assert shown == {"part_id": "b", "weight": 2}


def test_changes_of_a_table_without_a_feed_are_refused(spark, tables, tmp_path):
    """The deletes of a frame are looked up in the table, so the table must be the one that they came from."""
    runs = tables(PARTS, {"parts": [("a", "1")]}, {"parts": "id STRING, weight STRING"})
    rows = spark.sql("SELECT 'a' AS id, '2' AS weight, 'insert' AS _change_type, 1L AS _commit_version")
    report = upsert.upsert(spark, runs.settings(), rows)
    assert report.exit_code == 2
    assert "has no change data feed" in str(report.error)
