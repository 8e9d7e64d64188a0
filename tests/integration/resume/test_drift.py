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


@pytest.mark.parametrize(
    ("change", "words"),
    [("RENAME COLUMN size TO extent", "'extent'"), ("DROP COLUMN size", "take it out")],
)
def test_a_mapped_column_that_is_gone_stops_the_run_with_what_to_do(spark, things, newest_graph, change, words):
    """Its name, what the mapping uses it for, and the new column that may be it; the graph stays as it was."""
    runs = things("ignore")
    _alter(spark, runs, change)
    report = runs.run()
    assert report.exit_code == 2
    assert "'size'" in str(report.error)
    assert words in str(report.error)
    assert newest_graph.value("MATCH (n:Thing) RETURN sum(n.size) AS s") == 3


def test_a_renamed_column_goes_on_once_the_mapping_says_so(spark, things, newest_graph, tmp_path):
    """The property keeps its name, the rows are unchanged, and what comes next is read."""
    runs = things("ignore")
    _alter(spark, runs, "RENAME COLUMN size TO extent")
    mapping = tmp_path / "things.yml"
    mapping.write_text(mapping.read_text().replace("{column: size,", "{property: size, column: extent,"))
    report = runs.run()
    assert "--reset-checkpoint" in str(report.error)
    spark.sql(f"INSERT INTO delta.`{runs.source}` VALUES ('c', 3, 'green')")
    outcomes = runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["unchanged"]) == (1, 2)


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
