"""Bad input gets one clear line, or a dead letter; nothing is lost and nothing half done is called done."""

from __future__ import annotations

import json

import pytest
from neo4j import GraphDatabase

from delta_neo4j.settings import Neo4jSettings
from tests.integration.conftest import PASSWORD
from tests.support.endpoint import vector_of
from tests.support.tables import SCHEMA, removal, write


def letters(spark, runs):
    """Give the dead letters as (key, stage, reason class), and check that each keeps its row."""
    rows = spark.read.format("delta").load(f"{runs.state}/dead_letters").collect()
    assert all(json.loads(row["row"]) for row in rows)
    return sorted((json.loads(row["row_key"])[0] or "", row["stage"], row["reason_class"]) for row in rows)


def test_a_missing_table_is_named_before_anything_is_written(spark, lts_graph, loads):
    """The error names the table and what to do; the graph has no constraint yet."""
    report = loads(lts_graph).run()
    assert report.exit_code == 2
    assert "source table" in str(report.error)
    assert "--source" in str(report.error)
    assert lts_graph.query("SHOW CONSTRAINTS") == []


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


def test_rows_without_a_key_or_with_an_untypable_value_are_dead_letters(spark, lts_graph, loads):
    """Each unsound row is kept whole with its reason; the sound ones are loaded; the sums balance."""
    runs = loads(lts_graph)
    rows = [removal(n) for n in range(10)]
    rows += [removal(90, id=None), removal(91, id="   "), removal(92, time_since_install="many")]
    rows += [removal(93, removal_date="yesterday-ish"), removal(94, cost_estimate="12,5")]
    write(spark, runs.source, rows)
    summary = runs.succeed()
    assert summary["totals"]["outcomes"] == {
        "written": 10, "unchanged": 0, "superseded": 0, "deleted": 0, "dead_lettered": 5,
    }  # fmt: skip
    assert letters(spark, runs) == [
        ("", "validation", "key_missing"),
        ("   ", "validation", "key_missing"),
        *((f"RE0000{number}", "validation", "type_mismatch") for number in (92, 93, 94)),
    ]
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 10


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


def test_a_row_without_text_is_a_node_without_vector(spark, lts_graph, loads):
    """Null and blank texts are counted, not embedded; the mapping can make them dead letters."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1, RMV_REA_TX=None), removal(2, RMV_REA_TX=" \n\t"), removal(3)])
    summary = runs.succeed()
    assert summary["totals"]["without_text"] == 2
    assert lts_graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NULL RETURN count(n) AS c") == 2


def test_the_mapping_can_make_a_blank_text_a_dead_letter(spark, lts_graph, loads, tmp_path):
    """With `blank_text: dead_letter` such a row is refused and kept."""
    from importlib import resources

    shipped = (resources.files("delta_neo4j") / ".." / "mappings" / "removals.yml").read_text()
    mapping = tmp_path / "strict.yml"
    mapping.write_text(shipped.replace("blank_text: load", "blank_text: dead_letter"))
    runs = loads(lts_graph, mapping=str(mapping))
    write(spark, runs.source, [removal(1, RMV_REA_TX=None), removal(3)])
    assert runs.succeed()["totals"]["outcomes"]["dead_lettered"] == 1
    assert letters(spark, runs) == [("RE000001", "validation", "text_missing")]


def test_a_text_longer_than_the_model_reads_is_loaded_and_counted(spark, lts_graph, loads):
    """More than 256 tokens are cut by the model; the summary says how many rows that concerns."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1, RMV_REA_TX="seal leaking " * 300), removal(2)])
    summary = runs.succeed()
    assert summary["totals"]["truncated"] == 1
    assert summary["totals"]["outcomes"]["written"] == 2


def test_a_text_the_endpoint_refuses_is_one_dead_letter(spark, lts_graph, loads, endpoint):
    """A 400 is halved down to the text at fault; all others of the request are embedded."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n}") for n in range(40)])
    endpoint.answer = lambda texts: (400, {}, '{"message": "bad"}') if "reason 7" in texts else None
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["dead_lettered"] == 1
    assert summary["embedding"]["texts_faulted"] == 1
    assert letters(spark, runs) == [("RE000007", "embedding", "embedding_fault")]


def test_not_a_number_from_the_endpoint_is_a_fault_of_that_text(spark, lts_graph, loads, endpoint):
    """NaN in one vector costs one row, never a vector with NaN in the graph."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n}") for n in range(5)])

    def nan_for_one(texts):
        rows = [vector_of(text).tolist() for text in texts]
        for row, text in zip(rows, texts, strict=True):
            if text == "reason 3":
                row[17] = float("nan")
        return 200, {}, json.dumps({"predictions": rows})

    endpoint.answer = nan_for_one
    runs.succeed()
    assert letters(spark, runs) == [("RE000003", "embedding", "embedding_fault")]


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
    assert runs.succeed()["totals"]["outcomes"]["written"] == 1


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
        ({"uri": "bolt://127.0.0.1:1"}, "does not answer"),
        ({"uri": "bolt://no-such-host.invalid:7687"}, "does not answer"),
        ({"database": "nosuchdatabase"}, "has no usable database 'nosuchdatabase'"),
    ],
)
def test_a_wrong_connection_is_said_in_one_line(spark, lts_graph, loads, change, words):
    """Password, host and database: each fault names itself, and no password is in the line."""
    runs = loads(lts_graph)
    values = {"uri": lts_graph.uri, "username": "neo4j", "password": PASSWORD, **change}
    report = runs.run(neo4j=Neo4jSettings(**values))
    assert report.exit_code == 2
    assert words in str(report.error)
    assert "\n" not in str(report.error)
    assert PASSWORD not in str(report.error)
    assert "wrong-password" not in str(report.error)


def test_an_endpoint_that_is_down_is_said_in_one_line(spark, lts_graph, loads, endpoint):
    """A refused connection stops the run before anything is written."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    runs.url = "http://127.0.0.1:1/invocations"
    report = runs.run()
    assert report.exit_code == 3
    assert "did not answer" in str(report.error)


def test_a_cold_endpoint_is_waited_for(spark, lts_graph, loads, endpoint, caplog):
    """503 while it starts costs patience, not the run; the wait is said."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    cold = iter([True, True])
    endpoint.answer = lambda _: (503, {"Retry-After": "0"}, "starting") if next(cold, False) else None
    with caplog.at_level("INFO", "delta_neo4j"):
        runs.succeed()
    assert any(record.message == "endpoint.waiting" for record in caplog.records)


def test_neo4j_stopped_in_the_middle_stops_the_run_and_the_next_resumes(spark, loads, tmp_path):
    """The run retries, then stops with the service's name; started again it completes the graph."""
    from tests.conftest import LOCAL
    from tests.integration.conftest import Graph, start_server

    server = start_server("5.26", tmp_path / "neo4j", LOCAL / "neo4j" / "lib")
    try:
        runs = loads(Graph(server))
        write(spark, runs.source, [removal(n) for n in range(30)])

        def stop_before_relationships(step, value):
            if step == "relationships HAS_REMOVAL" and server.running:
                server.stop()
            return value

        report = runs.run(stop_before_relationships)
        assert report.exit_code == 3
        assert "run again" in str(report.error)
        server.start()
        server.wait_ready(120)
        summary = runs.succeed()
        assert summary["totals"]["outcomes"]["unchanged"] == 30
        with GraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD)) as driver:
            counted = driver.execute_query("MATCH ()-[r]->() RETURN count(r) AS c").records[0]["c"]
        assert counted == 60
        runs.graph.driver.close()
    finally:
        server.stop()


def test_a_row_that_neo4j_refuses_is_one_dead_letter(spark, lts_graph, loads):
    """A key too long for the index is found by halving; the other rows of its transaction are written."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(50)] + [removal(99, id="K" * 40_000)])
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 50
    assert summary["totals"]["outcomes"]["dead_lettered"] == 1
    assert [(stage, key[:3]) for key, stage, _ in letters(spark, runs)] == [("nodes", "KKK")]


def test_too_many_dead_letters_stop_the_run(spark, lts_graph, loads):
    """A tenth of a micro-batch refused is a mistake of the mapping: the gate stops before the graph is touched."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, time_since_install="x") for n in range(150)] + [removal(999)])
    report = runs.run()
    assert report.exit_code == 5
    assert lts_graph.value("MATCH (n) RETURN count(n) AS c") == 0


def test_a_changed_mapping_on_an_old_checkpoint_stops(spark, lts_graph, loads, tmp_path):
    """What the checkpoint says was read is not what another mapping must write: the way on is named."""
    from importlib import resources

    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    runs.succeed()
    shipped = (resources.files("delta_neo4j") / ".." / "mappings" / "removals.yml").read_text()
    mapping = tmp_path / "other.yml"
    mapping.write_text(shipped.replace("{column: supplier_code}", "{column: supplier_code, property: supplier}"))
    report = runs.run(mapping=str(mapping))
    assert report.exit_code == 2
    assert "--reset-checkpoint" in str(report.error)


def test_a_rewritten_source_stops_an_append_stream(spark, lts_graph, loads):
    """An UPDATE cannot be followed by appends: the run stops and names the way on, and that way works."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(5)])
    runs.succeed()
    spark.sql(f"UPDATE delta.`{runs.source}` SET RMV_TRK_NO = 'changed' WHERE component_id = 'C1'")
    report = runs.run()
    assert report.exit_code == 2
    assert "--reset-checkpoint" in str(report.error)
    summary = runs.succeed(reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["written"] == 1
    assert summary["totals"]["outcomes"]["unchanged"] == 4
