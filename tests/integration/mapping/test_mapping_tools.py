"""Mapping files against real graphs: conflicts found and nothing made; a draft that loads as the shipped file does."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner

from delta_neo4j.cli.console import cli
from delta_neo4j.errors import PreflightError
from delta_neo4j.graph import schema
from delta_neo4j.runs import mapping_check
from delta_neo4j.runs.mapping_draft.draft import draft
from delta_neo4j.settings.connection import Connection
from tests.support.drafts import FAA_EDITS, edited
from tests.support.graph_dump import dump
from tests.support.neo4j_servers import PASSWORD

MAPPING = """\
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{column: id}]
    embedding: {text: words, index: {name: thing_words}}
    relationships:
      - {type: IN, end: {label: Room, key: [{column: house}, {column: room}]}}
      - {type: OF, end: {label: Maker, key: [{column: maker}]}}
  - name: made_in
    source: made_in
    relationship:
      type: MADE_IN
      from: {label: Thing, key: [{column: id}]}
      to: {label: Town, key: [{column: town}]}
"""


def _checked(tmp_path, text=MAPPING):
    file = tmp_path / "m.yml"
    file.write_text(text)
    _, checked, faults = mapping_check.read(str(file), {})
    assert faults == []
    return checked


def _connection(graph):
    return Connection(graph.uri, "neo4j", PASSWORD)


def _rules(graph):
    return [graph.query(f"SHOW {kind} YIELD name RETURN name ORDER BY name") for kind in ("CONSTRAINTS", "INDEXES")]


def test_a_graph_without_conflicts_stays_as_it_is(graph, tmp_path):
    """Neither an empty graph nor one that has the constraints already has anything against the mapping."""
    before = _rules(graph)
    version, faults = mapping_check.graph_faults(_connection(graph), _checked(tmp_path))
    assert faults == []
    assert version in graph.value("CALL dbms.components() YIELD name, versions RETURN collect(versions)[0]")
    assert _rules(graph) == before
    graph.query("CREATE CONSTRAINT mine FOR (n:Thing) REQUIRE n.id IS UNIQUE")
    graph.query("CREATE CONSTRAINT rooms FOR (n:Room) REQUIRE (n.room, n.house) IS UNIQUE")
    assert mapping_check.graph_faults(_connection(graph), _checked(tmp_path))[1] == []


def test_each_conflict_stands_at_its_line(graph, tmp_path):
    """A misfitting index, a taken name, a plain index in the way and twins are each named with what to do."""
    options = "{indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'cosine'}}"
    graph.query(f"CREATE VECTOR INDEX other FOR (n:Thing) ON (n.embedding) OPTIONS {options}")
    graph.query("CREATE CONSTRAINT thing_id_unique FOR (n:Else) REQUIRE n.x IS UNIQUE")
    graph.query("CREATE INDEX plain FOR (n:Maker) ON (n.maker)")
    graph.query("UNWIND [1, 1, 2] AS n CREATE (:Town {town: 'T' + n})")
    graph.query("CALL db.awaitIndexes()")
    before = _rules(graph)
    _, faults = mapping_check.graph_faults(_connection(graph), _checked(tmp_path))
    assert sorted((fault.line, fault.path) for fault in faults) == [
        (5, "tables[0].key"),
        (6, "tables[0].embedding.index"),
        (9, "tables[0].relationships[1].end"),
        (15, "tables[1].relationship.to"),
    ]
    told = " | ".join(fault.message for fault in sorted(faults, key=lambda fault: fault.line))
    for words in ("name thing_id_unique is taken", "vector.dimensions = 3", "DROP INDEX plain", "T1 (2 nodes)"):
        assert words in told
    assert _rules(graph) == before


def test_an_index_name_that_is_taken_is_found(lts_graph, tmp_path):
    """The name belongs to an index on something else."""
    lts_graph.query("CREATE INDEX thing_words FOR (n:Else) ON (n.x)")
    _, (fault,) = mapping_check.graph_faults(_connection(lts_graph), _checked(tmp_path))
    assert (fault.line, "name thing_words is taken" in fault.message) == (6, True)
    fulltext = "index: {name: v}}\n    fulltext: {index: thing_words, properties: [id]}"
    checked = _checked(tmp_path, MAPPING.replace("index: {name: thing_words}}", fulltext))
    _, (fault,) = mapping_check.graph_faults(_connection(lts_graph), checked)
    assert (fault.path, "name thing_words is taken" in fault.message) == ("tables[0].fulltext", True)
    with pytest.raises(PreflightError, match=r"Thing\(id\) has no full-text index .*\(DROP INDEX thing_words\)"):
        schema.ensure(_connection(lts_graph), checked.mapping)
    lts_graph.query("CREATE FULLTEXT INDEX mine FOR (n:Thing|Other) ON EACH [n.id]")
    assert mapping_check.graph_faults(_connection(lts_graph), checked)[1] == []  # somebody's index does as well


def test_the_command_asks_the_graph_of_the_settings(lts_graph, tmp_path, monkeypatch, spark):
    """Tables and graph are looked at in one go; the exit code is 2 and every fault is a line."""
    for name, value in (("URI", lts_graph.uri), ("USERNAME", "neo4j"), ("PASSWORD", PASSWORD)):
        monkeypatch.setenv(f"NEO4J_{name}", value)
    monkeypatch.chdir(tmp_path)
    lts_graph.query("CREATE INDEX thing_words FOR (n:Else) ON (n.x)")
    (tmp_path / "m.yml").write_text(MAPPING)
    result = CliRunner().invoke(cli, ["mapping", "check", "m.yml"])
    assert result.exit_code == 2
    places = [line.split(": ")[:2] for line in result.stdout.splitlines()]
    assert places == [
        ["m.yml:3:13", "tables[0].source"],
        ["m.yml:6:37", "tables[0].embedding.index"],
        ["m.yml:11:13", "tables[1].source"],
    ]
    assert "3 faults; checked the file, 2 tables, the graph on Neo4j 5.26" in result.stderr


@pytest.mark.needs_data
def test_the_edited_faa_draft_loads_the_same_graph(spark, lts_graph, loads, test_data, tmp_path):
    """`mapping init`, at most five lines edited, a load: node by node what the shipped mapping makes."""
    with (test_data / "faa" / "maintenance_events.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))[:200]
    source = str(tmp_path / "maintenance_events")
    schema = ", ".join(f"{name} STRING" for name in rows[0])
    data = [tuple(row[name] or None for name in rows[0]) for row in rows]
    spark.createDataFrame(data, schema).write.format("delta").save(source)
    mapping = tmp_path / "draft.yml"
    mapping.write_text(edited(draft(spark, source), FAA_EDITS))
    graphs = []
    for name in ("maintenance_events", str(mapping)):
        lts_graph.empty()
        runs = loads(lts_graph, mapping=name, sources={"": source})
        runs.state = f"{runs.state}-{len(graphs)}"
        assert runs.succeed()["totals"]["outcomes"]["written"] == 200
        graphs.append(dump(lts_graph.driver))
    assert _plain(graphs[0]) == _plain(graphs[1])


def _plain(graph):
    """Leave out the hashes, which know the model's id: each state mints its own."""

    def known(text):
        told = {name: value for name, value in json.loads(text).items() if not name.startswith("_dn_")}
        return json.dumps(told, sort_keys=True)

    nodes, edges = graph
    return (
        sorted((labels, known(text)) for labels, text in nodes),
        sorted((start, kind, known(text), end) for start, kind, text, end in edges),
    )
