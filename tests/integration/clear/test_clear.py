"""What a mapping loaded goes again, and nothing of what others added to it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from delta_neo4j.cli.console import cli
from delta_neo4j.runs import clear, upsert
from tests.support.graph_dump import dump
from tests.support.ownership import FOUND
from tests.support.tables import removal, write


def test_what_others_added_survives_load_reload_delete_and_clear(spark, lts_graph, loaded):
    """Each is done in turn, and everything of others is found again after each."""
    steps = {
        "load": lambda: write(spark, loaded.source, [removal(1, RMV_REA_TX="news")]) or loaded.succeed(),
        "reload": lambda: loaded.succeed(reset_checkpoint=True),
        "delete": lambda: upsert.delete(spark, loaded.settings(), ["RE000001", "RE000002"]).summary(),
        "clear": lambda: clear.clear(spark, loaded.settings(), clear.loaded(spark, loaded.settings())),
    }
    for name, step in steps.items():
        step()
        assert lts_graph.query(FOUND) == [{"note": "mine"}], name
    # Nothing of ours is left but the key that others' things hang on.
    left = lts_graph.query("MATCH (n:RemovalEvent:Checked) RETURN properties(n) AS p")[0]["p"]
    assert {key for key in left if key != "_dn_owner"} == {"removal_id", "note"}
    assert lts_graph.value("MATCH (n) RETURN count(n) AS c") == 4
    assert lts_graph.value("MATCH ()-[e]->() RETURN count(e) AS c") == 2


def test_clear_takes_away_everything_a_mapping_loaded_and_a_load_brings_it_back(spark, lts_graph, loads):
    """Nodes, edges and the end nodes made for them; loading then makes the graph the same again."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(30)])
    runs.succeed()
    before = dump(lts_graph.driver)
    lines = clear.clear(spark, runs.settings(), clear.loaded(spark, runs.settings()))
    assert lines[0] == "removals: 30 nodes removed"
    assert lts_graph.value("MATCH (n) RETURN count(n) AS c") == 0
    assert runs.succeed()["totals"]["outcomes"]["written"] == 30
    assert dump(lts_graph.driver) == before


TWO_SOURCES = (
    "  - {name: parts, source: parts, labels: [Part], key: [{column: id}], properties: [{column: name}]}\n",
    "  - {name: sizes, source: sizes, labels: [Part, Sized], key: [{column: id}], properties: [{column: size}]}\n",
)


@pytest.mark.parametrize("tables", [TWO_SOURCES, TWO_SOURCES[::-1]], ids=["plain first", "labelled first"])
def test_nodes_that_two_tables_fill_go_whole(spark, lts_graph, loads, tmp_path, tables):
    """What the one table wrote is not taken for somebody else's when the other's rows go."""
    mapping = tmp_path / "parts.yml"
    mapping.write_text("tables:\n" + "".join(tables))
    sources = {name: str(tmp_path / name) for name in ("parts", "sizes")}
    for column, path in (("name", sources["parts"]), ("size", sources["sizes"])):
        rows = [(f"P{n}", f"{column} {n}") for n in range(5)]
        spark.createDataFrame(rows, f"id STRING, {column} STRING").write.format("delta").save(path)
    runs = loads(lts_graph, mapping=str(mapping), sources=sources)
    runs.succeed()
    lts_graph.query("MATCH (n:Part {id: 'P3'}) SET n.theirs = 1")
    found = clear.loaded(spark, runs.settings())
    assert [each.what for each in found] == ["5 Part nodes"]
    told, registry = clear.clear(spark, runs.settings(), found)
    assert registry == "the registry in the graph: 2 hidden nodes removed (what was loaded, by table)"
    assert told in {"sizes and parts: 5 nodes removed", "parts and sizes: 5 nodes removed"}
    left = lts_graph.query("MATCH (n) RETURN labels(n) AS labels, properties(n) AS p")
    assert left == [{"labels": ["Part"], "p": {"id": "P3", "theirs": 1, "_dn_owner": "delta-neo4j"}}]


def test_a_node_that_was_there_before_keeps_its_key_alone(spark, lts_graph, loads):
    """The loader did not make it, so it stays; what the load put on it goes, and a second removal finds nothing."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])
    lts_graph.query("CREATE (:RemovalEvent {removal_id: 'RE000001'})")
    runs.succeed()
    for found in (3, 0):
        told = clear.clear(spark, runs.settings(), clear.loaded(spark, runs.settings()))
        assert told[0] == f"removals: {found} nodes removed"
        left = lts_graph.query("MATCH (n:RemovalEvent) RETURN properties(n) AS p")
        assert left == [{"p": {"removal_id": "RE000001"}}]


def test_clear_asks_and_refuses_a_server_elsewhere(spark, lts_graph, loaded, monkeypatch):
    """Without a yes nothing goes, with it all does; a Neo4j that is not on this machine needs a flag of its own."""
    settings = loaded.settings()
    monkeypatch.setenv("NEO4J_PASSWORD", settings.neo4j.password.get_secret_value())
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_URI", settings.neo4j.uri)
    flags = ["clear", "--state", loaded.state, "--source", loaded.source, "--env-file", ""]
    answer = CliRunner().invoke(cli, flags, input="n\n")
    assert "30 RemovalEvent nodes" in answer.output
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 31
    answer = CliRunner().invoke(cli, [*flags, "--yes"])
    assert "30 nodes removed" in answer.output
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 2  # theirs, and the one with their things
    monkeypatch.setenv("NEO4J_URI", "neo4j+s://graph.example.com")
    answer = CliRunner().invoke(cli, [*flags, "--yes"])
    assert "--allow-remote" in str(answer.exception)
