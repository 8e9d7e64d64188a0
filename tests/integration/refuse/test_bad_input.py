"""Bad input gets one clear line, or a dead letter; nothing is lost and nothing half done is called done."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.settings.limits import Limits
from delta_neo4j.settings.values import Neo4jSettings
from tests.support.endpoint import vector_of
from tests.support.neo4j_servers import PASSWORD
from tests.support.tables import SCHEMA, removal, write


def test_an_empty_table_is_loaded_as_nothing(spark, lts_graph, loads):
    """No rows, no micro-batch, a balanced summary."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    spark.sql(f"DELETE FROM delta.`{runs.source}`")
    assert runs.succeed()["totals"]["rows_read"] == 0


def test_a_missing_column_is_named(spark, lts_graph, loads):
    """A mapped column that the table lacks is named with those it has."""
    runs = loads(lts_graph)
    frame = spark.createDataFrame([("RE1", "x")], "`:ID(RemovalEvent)` STRING, RMV_REA_TX STRING")
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(runs.source)
    report = runs.run()
    assert report.exit_code == 2
    assert "'RMV_TRK_NO'" in str(report.error)


def test_a_column_of_an_impossible_type_is_named(spark, lts_graph, loads):
    """A map cannot become an integer property; the error says which column and what it is."""
    runs = loads(lts_graph)
    schema = SCHEMA.replace("time_since_install STRING", "time_since_install MAP<STRING, STRING>")
    row = removal(1, time_since_install={"a": "b"})
    frame = spark.createDataFrame([tuple(row.values())], schema)
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(runs.source)
    report = runs.run()
    assert report.exit_code == 2
    assert "'time_since_install'" in str(report.error)
    assert "map<string,string>" in str(report.error)


def test_a_key_twice_in_a_batch_is_written_once(spark, lts_graph, loads):
    """One row of the key wins, the same one whatever the order; the others are superseded."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1, RMV_TRK_NO=name) for name in ("a", "b", "c")], files=3)
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["superseded"] == 2
    won = lts_graph.value("MATCH (n:RemovalEvent) RETURN n.RMV_TRK_NO AS v")
    lts_graph.empty()
    runs.succeed(write_partitions=1, reset_checkpoint=True)
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN n.RMV_TRK_NO AS v") == won


def test_texts_that_are_missing_or_too_long_are_counted_and_a_cold_endpoint_is_waited_for(
    spark, lts_graph, loads, endpoint, caplog
):
    """No text: a node without vector. More than 256 tokens: the model cuts them. A 503 costs patience, not the run."""
    runs = loads(lts_graph)
    long = removal(4, RMV_REA_TX="seal leaking " * 300)
    write(spark, runs.source, [removal(1, RMV_REA_TX=None), removal(2, RMV_REA_TX=" \n\t"), removal(3), long])
    cold = iter([True, True])
    endpoint.answer = lambda _: (503, {"Retry-After": "0"}, "starting") if next(cold, False) else None
    with caplog.at_level("INFO", "delta_neo4j"):
        summary = runs.succeed()
    assert any(record.msg == "endpoint.waiting" for record in caplog.records)
    assert (summary["totals"]["without_text"], summary["totals"]["truncated"]) == (2, 1)
    assert summary["totals"]["outcomes"]["written"] == 4
    assert lts_graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NULL RETURN count(n) AS c") == 2


def test_another_dimension_from_the_endpoint_stops_the_run(spark, lts_graph, loads, endpoint):
    """A model with other vectors is found before the first row, with both figures in the line."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    endpoint.dimension = 100
    report = runs.run()
    assert report.exit_code == 2
    assert "100" in str(report.error)
    assert "384" in str(report.error)


def test_another_model_behind_the_endpoint_stops_the_run(spark, lts_graph, loads, endpoint):
    """The state knows which model its vectors are of by what it answers, not by its name."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    runs.succeed()
    endpoint.answer = lambda texts: (
        200, {}, json.dumps({"predictions": [vector_of(text + "!").tolist() for text in texts]}),
    )  # fmt: skip
    report = runs.run()
    assert report.exit_code == 2
    assert "another model" in str(report.error)
    runs.state += "-new"  # knows no model; the graph's vectors say which one they are of
    report = runs.run()
    assert report.exit_code == 2
    assert "RemovalEvent.embedding holds vectors of another model" in str(report.error)
    assert "MATCH (n:`RemovalEvent`) REMOVE n.`embedding`" in str(report.error)
    endpoint.answer = None
    assert runs.succeed(take_over=True)["totals"]["outcomes"]["written"] == 1


def test_an_index_of_another_dimension_in_the_graph_stops_the_run(spark, graph, loads):
    """The index that is there is named with its dimension and the statement that drops it."""
    runs = loads(graph)
    write(spark, runs.source, [removal(1)])
    graph.query(
        "CREATE VECTOR INDEX other FOR (n:RemovalEvent) ON (n.embedding) "
        "OPTIONS {indexConfig: {`vector.dimensions`: 256, `vector.similarity_function`: 'cosine'}}"
    )
    report = runs.run()
    assert report.exit_code == 2
    assert "256" in str(report.error)
    assert "DROP INDEX other" in str(report.error)


def test_duplicates_in_the_graph_are_named(spark, graph, loads):
    """A constraint that cannot be made stops the run with the keys that stand twice."""
    runs = loads(graph)
    write(spark, runs.source, [removal(1)])
    graph.query("CREATE (:Component {component_id: 'C-twice'}), (:Component {component_id: 'C-twice'})")
    report = runs.run()
    assert report.exit_code == 2
    assert "C-twice (2 nodes)" in str(report.error)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong-password"}, "refused the user name or password"),
        ({"database": "nosuchdatabase"}, "has no usable database 'nosuchdatabase'"),
    ],
)
def test_a_wrong_connection_is_said_in_one_line(spark, lts_graph, loads, change, words):
    """Password and database: each fault names itself, and no password is in the line."""
    runs = loads(lts_graph)
    values = {"uri": lts_graph.uri, "username": "neo4j", "password": PASSWORD, **change}
    report = runs.run(neo4j=Neo4jSettings(**values))
    assert report.exit_code == 2
    assert words in str(report.error)
    assert "\n" not in str(report.error)
    assert PASSWORD not in str(report.error)
    assert "wrong-password" not in str(report.error)


def test_neo4j_stopped_in_the_middle_stops_the_run_and_the_next_resumes(spark, lts_graph, loads):
    """The run retries, then stops with the service's name; started again it completes the graph."""
    server, runs = lts_graph.server, loads(lts_graph, graph_retry_seconds=1)
    write(spark, runs.source, [removal(n) for n in range(30)])

    def stop_before_relationships(step, value):
        if step == "relationships HAS_REMOVAL" and server.running:
            server.stop()
        return value

    try:
        # Its lease ends while Neo4j starts: this process lives on, so the next run would wait for a longer one.
        report = runs.run(stop_before_relationships, Limits(lease_seconds=10, renew_seconds=2))
    finally:
        server.start()  # other tests use it
        server.wait_ready(120)
    assert report.exit_code == 3
    assert "run again" in str(report.error)
    assert runs.succeed()["totals"]["outcomes"]["unchanged"] == 30
    assert lts_graph.value("MATCH ()-[r]->() RETURN count(r) AS c") == 60


def test_a_changed_mapping_or_a_rewritten_source_stops_a_load(spark, lts_graph, loads, tmp_path):
    """Neither can go on from the checkpoint: the run stops and names the way on, and that way works."""
    from importlib import resources

    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(5)])
    runs.succeed()
    shipped = (resources.files("delta_neo4j") / ".." / "mappings" / "removals.yml").read_text()
    mapping = tmp_path / "other.yml"
    mapping.write_text(shipped.replace("{column: supplier_code}", "{column: supplier_code, property: supplier}"))
    report = runs.run(mapping=str(mapping))
    assert report.exit_code == 2
    assert "--reset-checkpoint" in str(report.error)

    spark.sql(f"UPDATE delta.`{runs.source}` SET RMV_TRK_NO = 'changed' WHERE component_id = 'C1'")
    report = runs.run()
    assert report.exit_code == 2
    assert "--reset-checkpoint" in str(report.error)
    summary = runs.succeed(reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["written"] == 1
    assert summary["totals"]["outcomes"]["unchanged"] == 4
