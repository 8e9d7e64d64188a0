"""A checkpoint beside another one of the same table, and before a graph that it has not filled."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delta_neo4j.source import append_stream
from delta_neo4j.state import checkpoint
from tests.support.states import as_on_a_cluster
from tests.support.tables import removal, write


def test_a_checkpoint_goes_on_after_another_one_of_the_same_table(spark, lts_graph, loads, tmp_path, monkeypatch):
    """What is appended later wins, whichever checkpoint reads it, whenever begun and whatever the clock says."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(5)])
    runs.succeed()
    runs.succeed(checkpoint=str(tmp_path / "another"))
    write(spark, runs.source, [removal(1, RMV_REA_TX="newer")])
    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(time=lambda: 0.0))  # set back to 1970
    assert runs.succeed()["totals"]["outcomes"]["written"] == 1
    assert lts_graph.value("MATCH (n {removal_id: 'RE000001'}) RETURN n.RMV_REA_TX AS t") == "newer"


@pytest.mark.calendar
def test_a_checkpoint_knows_the_graph_it_has_filled(spark, lts_graph, newest_graph, loads):
    """Another server is not called up to date: the run stops, and fills it with a fresh checkpoint."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])
    runs.succeed()
    runs.graph = newest_graph
    report = runs.run()
    assert report.exit_code == 2
    assert "another graph" in str(report.error)
    # The state knows its model, but not whose vectors that graph holds; what is no vector says nothing.
    newest_graph.query(
        "CREATE (:RemovalEvent {RMV_REA_TX: 'Oil leak at fitting 1', embedding: $other}), "
        "(:RemovalEvent {RMV_REA_TX: ['a list'], embedding: 'a text'})",
        other=[1.0, *[0.0] * 383],
    )
    report = runs.run(reset_checkpoint=True)
    assert report.exit_code == 2
    assert "RemovalEvent.embedding holds vectors of another model" in str(report.error)
    newest_graph.query(str(report.error).partition("or remove them with ")[2])
    assert runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]["written"] == 3
    assert newest_graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN count(n) AS c") == 3


def test_a_new_load_is_stored_where_spark_finds_it(spark, tmp_path, monkeypatch):
    """On Databricks, Python's path may be another place than Spark's: what only Python sees is no stored load."""
    monkeypatch.setattr(checkpoint, "_stored_first", lambda *_: True)  # stored where Spark does not look
    kind = {"table_id": "t", "source_mode": "append", "digest": "d", "database_id": "b"}
    with as_on_a_cluster(spark):
        load = checkpoint.begin(spark, str(tmp_path / "c"), 0, **kind)
        assert checkpoint.held_load(spark, str(tmp_path / "c"), **kind) == load


@pytest.mark.parametrize("loaded_before", [False, True])
def test_a_column_added_while_the_stream_starts_does_not_end_the_run(
    spark, lts_graph, loads, monkeypatch, loaded_before
):
    """The stream ends when it meets the new column; the run starts it once more; with nothing new none is started."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])
    if loaded_before:
        runs.succeed()
        write(spark, runs.source, [removal(5)])
    stream, begun = append_stream.stream, []

    def meanwhile(*arguments):
        rows = stream(*arguments)
        if not begun:
            spark.sql(f"ALTER TABLE delta.`{runs.source}` ADD COLUMNS (remark STRING)")
            write(spark, runs.source, [removal(n) for n in range(3, 5)])
        begun.append(rows)
        return rows

    monkeypatch.setattr(append_stream, "stream", meanwhile)
    assert runs.succeed()["totals"]["outcomes"]["written"] == (3 if loaded_before else 5)
    assert len(begun) == 2
    assert runs.succeed()["totals"]["rows_read"] == 0
    assert len(begun) == 2


def test_rows_that_somebody_else_writes_between_two_passes_are_superseded(spark, lts_graph, loads):
    """They are no lost rows: the slice is taken again, and the account balances."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])

    def overtaken(step, value):
        if step == "relationships HAS_REMOVAL":
            newer = "split(n._dn_version, ':')[0] + ':' + 'f' + substring(split(n._dn_version, ':')[1], 1)"
            lts_graph.query(f"MATCH (n:RemovalEvent {{removal_id: 'RE000001'}}) SET n._dn_version = {newer}")
        return value

    report = runs.run(overtaken)
    assert report.error is None, report.error
    assert report.balanced
    outcomes = report.summary()["totals"]["outcomes"]
    assert {name: count for name, count in outcomes.items() if count} == {"unchanged": 2, "superseded": 1}
