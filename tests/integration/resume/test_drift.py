"""Columns that come, go, change their name or their type: told, or a stop; nothing guessed, nothing lost."""

from __future__ import annotations

import logging

import pytest

MAPPING = """
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{property: thing_id, column: id}]
    properties: [{column: size, type: integer}, {column: colour}]
    new_columns: NEW
"""


@pytest.fixture
def things(spark, newest_graph, loads, tmp_path):
    """Loads of a table of two things, with the mapping's word for new columns."""

    def of(new_columns):
        mapping = tmp_path / "things.yml"
        mapping.write_text(MAPPING.replace("NEW", new_columns))
        runs = loads(newest_graph, mapping=str(mapping))
        rows = spark.createDataFrame([("a", 1, "red"), ("b", 2, "blue")], "id STRING, size INT, colour STRING")
        rows.write.format("delta").option("delta.columnMapping.mode", "name").save(runs.source)
        runs.succeed()
        return runs

    return of


def _alter(spark, runs, change):
    spark.sql(f"ALTER TABLE delta.`{runs.source}` {change}")


def _told(caplog):
    return [record.told for record in caplog.records if record.msg == "source.drifted"]


@pytest.mark.parametrize(("new_columns", "weight"), [("ignore", None), ("add", 7.5)])
def test_a_new_column_is_told_and_ignored_or_added(spark, things, newest_graph, caplog, new_columns, weight):
    """As the mapping says, without a new checkpoint; the rows loaded before have nothing in it anyway."""
    runs = things(new_columns)
    _alter(spark, runs, "ADD COLUMN weight DOUBLE")
    spark.sql(f"INSERT INTO delta.`{runs.source}` VALUES ('c', 3, 'green', 7.5)")
    with caplog.at_level(logging.WARNING, "delta_neo4j"):
        summary = runs.succeed()
    assert "'weight'" in _told(caplog)[0]
    assert summary["totals"]["rows_read"] == 1
    assert newest_graph.value("MATCH (n:Thing {thing_id: 'c'}) RETURN n.weight AS w") == weight
    caplog.clear()
    runs.succeed()
    assert _told(caplog) == []


def test_a_mapped_column_that_is_gone_stops_the_run_with_what_to_do(spark, things, newest_graph, tmp_path):
    """Renamed: the new name is named, and the load goes on once the mapping says so. Dropped: take it out."""
    runs = things("ignore")
    _alter(spark, runs, "RENAME COLUMN size TO extent")
    report = runs.run()
    assert report.exit_code == 2
    assert "'size'" in str(report.error)
    assert "'extent'" in str(report.error)
    assert newest_graph.value("MATCH (n:Thing) RETURN sum(n.size) AS s") == 3

    mapping = tmp_path / "things.yml"
    mapping.write_text(mapping.read_text().replace("{column: size,", "{property: size, column: extent,"))
    report = runs.run()
    assert "--reset-checkpoint" in str(report.error)
    spark.sql(f"INSERT INTO delta.`{runs.source}` VALUES ('c', 3, 'green')")
    outcomes = runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["unchanged"]) == (1, 2)

    _alter(spark, runs, "DROP COLUMN extent")
    report = runs.run()
    assert report.exit_code == 2
    assert "'extent'" in str(report.error)
    assert "take it out" in str(report.error)
    assert newest_graph.value("MATCH (n:Thing) RETURN sum(n.size) AS s") == 6


def test_a_column_that_changed_its_type_is_told_and_cast(spark, things, newest_graph, caplog):
    """What the mapping's type cannot hold is a dead letter, never a null."""
    runs = things("ignore")
    rows = spark.createDataFrame([("c", "3", "green"), ("d", "big", "grey")], "id STRING, size STRING, colour STRING")
    rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(runs.source)
    with caplog.at_level(logging.WARNING, "delta_neo4j"):
        outcomes = runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]
    assert "was int and is string" in _told(caplog)[0]
    assert (outcomes["written"], outcomes["dead_lettered"]) == (1, 1)
    assert newest_graph.value("MATCH (n:Thing {thing_id: 'c'}) RETURN n.size AS s") == 3
