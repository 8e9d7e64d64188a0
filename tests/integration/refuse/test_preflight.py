"""What is missing is told before anything is written: the graph, the state and the checkpoint are as they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from neo4j.exceptions import Neo4jError
from pyspark.errors import AnalysisException, PySparkException

from delta_neo4j.embedding.base import PROBES
from delta_neo4j.errors import PreflightError
from delta_neo4j.graph.bolt import grants, server
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.runs import preflight
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.settings.values import EmbeddingSettings, Neo4jSettings
from delta_neo4j.source import delta
from delta_neo4j.state.tables import State
from tests.support import sockets
from tests.support.neo4j_servers import PASSWORD
from tests.support.tables import removal, write


class Refusing:
    """A session that refuses SQL by pattern as Unity Catalog does, and is the real one for the rest."""

    def __init__(self, spark, refuse):
        self._spark, self._refuse = spark, refuse

    def __getattr__(self, name):  # noqa: D105
        return getattr(self._spark, name)

    def sql(self, query):
        """Raise the first text whose pattern the query matches."""
        for pattern, text in self._refuse.items():
            if re.search(pattern, query):
                raise PySparkException(text)
        return self._spark.sql(query)


def untouched(runs):
    """Tell whether graph, state and checkpoint are as before the first run."""
    graph = runs.graph
    nodes = graph.value("MATCH (n) RETURN count(n) AS c")
    return nodes == 0 and graph.query("SHOW CONSTRAINTS") == [] and not Path(runs.state).exists()


def test_the_probe_of_writing_leaves_no_node(lts_graph, loads):
    """On a real server: every statement runs, and all of it is rolled back."""
    settings = loads(lts_graph).settings()
    server.check_writes(settings.neo4j.connection(5), read_mapping("removals"))
    assert lts_graph.value("MATCH (n) RETURN count(n) AS c") == 0
    assert lts_graph.query("SHOW CONSTRAINTS") == []


def test_preflight_makes_nothing(spark, lts_graph, loads):
    """It finds all that a run needs, a new model's probe vectors included, and leaves graph and state untouched."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    settings = runs.settings()
    mapping, state = read_mapping("removals", settings.sources), State(settings.state)
    findings = preflight.check(spark, mapping, settings, state)
    assert (findings.model.model_id, len(findings.model.probes)) == (None, len(PROBES))
    assert untouched(runs)
    ready = prepare(spark, mapping, settings, state, findings)
    assert ready.model_id == state.read(spark, "models").collect()[0]["model_id"]
    assert preflight.check(spark, mapping, settings, state).model.model_id == ready.model_id


def test_a_neo4j_user_without_the_privilege_stops_before_all_else(spark, lts_graph, loads, endpoint, monkeypatch):
    """The refusal of an Enterprise server, raised where the probe meets it: nothing was asked of the endpoint."""
    says = "Create node with labels 'RemovalEvent' on database 'neo4j' is not allowed for user 'u' with roles [PUBLIC]."
    error = Neo4jError._hydrate_neo4j(code=grants.FORBIDDEN, message=says)

    def refuse(*_):
        raise error

    monkeypatch.setattr("neo4j.Transaction.run", refuse)
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    report = runs.run()
    assert report.exit_code == 2
    assert "GRANT CREATE ON GRAPH neo4j TO ROLE" in str(report.error)
    assert endpoint.requests == 0
    monkeypatch.undo()
    assert untouched(runs)


@pytest.mark.parametrize(
    ("missing", "exit_code", "words"),
    [
        ({"neo4j": "bolt://127.0.0.1:1"}, 2, "port 1 refuses connections"),
        ({"endpoint": "http://127.0.0.1:1/invocations"}, 3, "did not answer"),
        ({"source": "main.sales.removals"}, 2, "source table main.sales.removals"),
        ({"answer": 404}, 2, "there is no endpoint"),
        ({"answer": 403}, 2, "CAN QUERY"),
    ],
    ids=str,
)
def test_each_missing_thing_is_named_and_nothing_is_written(
    spark, lts_graph, loads, endpoint, missing, exit_code, words
):
    """Server, endpoint, table, permission: one line each, and no trace of the run."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1)])
    changes = {}
    if "neo4j" in missing:
        changes["neo4j"] = Neo4jSettings(uri=missing["neo4j"], username="neo4j", password=PASSWORD)
    if "endpoint" in missing:
        changes["embedding"] = EmbeddingSettings(embedder="rest", url=missing["endpoint"], wait_seconds=2)
    if "source" in missing:
        changes["sources"] = {"": missing["source"]}
    if "answer" in missing:
        endpoint.answer = lambda _: (missing["answer"], {}, "{}")
    report = runs.run(**changes)
    assert report.exit_code == exit_code
    assert words in str(report.error)
    assert "\n" not in str(report.error)
    assert untouched(runs)


def test_a_silent_port_is_given_up(spark, lts_graph, loads, monkeypatch):
    """A firewall that swallows everything ends preflight when its patience does."""
    monkeypatch.setattr(server, "PATIENCE", 0.5)
    with sockets.listening(sockets.says_nothing) as port:
        uri = f"neo4j://127.0.0.1:{port}"
        report = loads(lts_graph).run(neo4j=Neo4jSettings(uri=uri, username="neo4j", password=PASSWORD))
    assert f"blocks port {port} from here" in str(report.error)


def test_missing_grants_on_the_source_are_lines_with_statements(spark):
    """SELECT refused: the run names the grant for the session's own user."""
    text = "[INSUFFICIENT_PERMISSIONS] Insufficient privileges:\nUser does not have SELECT on Table 'main.sales.t'."
    with pytest.raises(PreflightError) as refused:
        delta.describe(Refusing(spark, {"DESCRIBE": text}), "main.sales.t")
    user = spark.sql("SELECT current_user()").collect()[0][0]
    assert str(refused.value) == (
        "you may not read source table main.sales.t: "
        f"no SELECT on table main.sales.t: GRANT SELECT ON TABLE `main`.`sales`.`t` TO `{user}`"
    )


@pytest.mark.parametrize(
    ("begun", "statement", "privilege"), [(False, "CREATE TABLE", "CREATE TABLE"), (True, "DELETE FROM", "MODIFY")]
)
def test_a_state_schema_that_may_not_be_written_stops_before_the_graph(
    spark, lts_graph, loads, tmp_path, begun, statement, privilege
):
    """CREATE TABLE of a fresh state and MODIFY of one that is there are asked for before the first constraint."""
    schema = f"dn_refused_{begun}".lower()
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    state = State(f"spark_catalog.{schema}")
    if begun:
        state.prove_writable(spark)
    runs = loads(lts_graph, checkpoint=str(tmp_path / "checkpoints"))
    write(spark, runs.source, [removal(1)])
    runs.state = state.location
    text = f"PERMISSION_DENIED: User does not have {privilege} on Schema 'main.{schema}'."
    settings = runs.settings()
    session, mapping = Refusing(spark, {statement: text}), read_mapping("removals", settings.sources)
    findings = preflight.check(session, mapping, settings, state)
    with pytest.raises(PreflightError, match=f"GRANT {privilege} ON SCHEMA `main`.`{schema}`"):
        prepare(session, mapping, settings, state, findings)
    assert lts_graph.query("SHOW CONSTRAINTS") == []
    tables = [row["tableName"] for row in spark.sql(f"SHOW TABLES IN {schema}").collect() if not row["isTemporary"]]
    assert tables == (["runs"] if begun else [])


def test_a_state_schema_that_is_not_there_is_named(spark, lts_graph, loads, tmp_path):
    """The statement that makes it stands in the line; the graph is untouched."""
    runs = loads(lts_graph, checkpoint=str(tmp_path / "checkpoints"))
    write(spark, runs.source, [removal(1)])
    runs.state = "spark_catalog.dn_nowhere"
    report = runs.run()
    assert report.exit_code == 2
    assert "CREATE SCHEMA IF NOT EXISTS `spark_catalog`.`dn_nowhere`" in str(report.error)
    assert lts_graph.query("SHOW CONSTRAINTS") == []


class Governed(Refusing):
    """A session in which `main.sales.t` is a local table whose description has more to say."""

    def __init__(self, spark, local, heads):
        super().__init__(spark, {})
        self._local, self._heads = local, heads

    def sql(self, query):
        """Describe as Unity Catalog does, or ask the local table."""
        if "DESCRIBE TABLE EXTENDED" in query:
            return self._spark.createDataFrame([(head, "", "") for head in self._heads], "a STRING, b STRING, c STRING")
        return self._spark.sql(query.replace("`main`.`sales`.`t`", self._local))


def test_a_row_filter_is_said_in_the_log(spark, tmp_path, caplog):
    """The run goes on and says that it sees what its principal sees."""
    write(spark, tmp_path / "made", [removal(1)])
    spark.sql(f"CREATE TABLE IF NOT EXISTS dn_filtered USING DELTA LOCATION '{tmp_path / 'made'}'")
    session = Governed(spark, "spark_catalog.default.dn_filtered", ["# Row Filter", "Function", "# Column Masks"])
    (table,) = read_mapping("removals", {"": "main.sales.t"}).tables
    with caplog.at_level("WARNING", "delta_neo4j"):
        preflight.check_source(session, table)
    (record,) = [record for record in caplog.records if record.getMessage() == "source.restricted"]
    assert (record.table, record.by) == ("main.sales.t", "row filter and column mask")


def test_asking_whether_a_state_may_be_written_adds_no_version(spark):
    """The second question writes nothing: Delta commits no empty delete."""
    spark.sql("CREATE SCHEMA IF NOT EXISTS dn_asked")
    state = State("spark_catalog.dn_asked")
    state.prove_writable(spark)
    state.prove_writable(spark)
    assert state.version(spark, "runs") == 0
    assert state.read(spark, "runs").count() == 0


def test_what_spark_says_of_a_missing_table_is_no_refusal(spark):
    """A slip in the name is not a missing grant."""
    with pytest.raises(PreflightError, match=r"cannot be read: .*--source") as refused:
        delta.describe(spark, "spark_catalog.default.dn_nowhere")
    assert isinstance(refused.value.__cause__, AnalysisException)
