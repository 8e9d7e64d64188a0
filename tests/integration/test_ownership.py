"""What is whose: others' properties, relationships, labels and nodes, changed mappings, deletes, clear."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from delta_neo4j import checkpoint, clear, frames
from delta_neo4j.cli import cli, spark_session
from delta_neo4j.graph_rows import GraphWriter
from delta_neo4j.mapping_history import MappingHistory
from delta_neo4j.state import State
from tests.support.graph_dump import dump
from tests.support.tables import NAMES, SCHEMA, removal, write

THEIRS = """
MATCH (n:RemovalEvent {removal_id: 'RE000001'}), (c:Component {component_id: 'C1'})
SET n.note = 'mine', n:Checked, c.colour = 'red'
CREATE (n)-[:SEEN_BY {on: 'monday'}]->(:Person {name: 'Ann'})
CREATE (c)-[:HAS_REMOVAL {by: 'hand'}]->(n)
CREATE (:RemovalEvent {removal_id: 'by hand'})
"""
FOUND = """
MATCH (n:RemovalEvent:Checked {removal_id: 'RE000001'})-[:SEEN_BY {on: 'monday'}]->(:Person {name: 'Ann'})
MATCH (c:Component {component_id: 'C1', colour: 'red'})-[:HAS_REMOVAL {by: 'hand'}]->(n)
MATCH (:RemovalEvent {removal_id: 'by hand'})
RETURN n.note AS note
"""


@pytest.fixture
def loaded(spark, lts_graph, loads):
    """Thirty removals in the graph, and what others added to them."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(30)])
    runs.succeed()
    lts_graph.query(THEIRS)
    return runs


def _frame(spark, rows):
    return spark.createDataFrame([tuple(row[name] for name in NAMES) for row in rows], SCHEMA)


def test_what_others_added_survives_load_reload_delete_and_clear(spark, lts_graph, loaded):
    """Each is done in turn, and everything of others is found again after each."""
    steps = {
        "load": lambda: write(spark, loaded.source, [removal(1, RMV_REA_TX="news")]) or loaded.succeed(),
        "reload": lambda: loaded.succeed(reset_checkpoint=True),
        "delete": lambda: frames.delete(spark, loaded.settings(), ["RE000001", "RE000002"]).summary(),
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
    (told,) = clear.clear(spark, runs.settings(), found)
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
    answer = CliRunner().invoke(cli, flags, input="n\n", obj={"spark": spark_session})
    assert "30 RemovalEvent nodes" in answer.output
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 31
    answer = CliRunner().invoke(cli, [*flags, "--yes"], obj={"spark": spark_session})
    assert "30 nodes removed" in answer.output
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 2  # theirs, and the one with their things
    monkeypatch.setenv("NEO4J_URI", "neo4j+s://graph.example.com")
    answer = CliRunner().invoke(cli, [*flags, "--yes"], obj={"spark": spark_session})
    assert "--allow-remote" in str(answer.exception)


CHANGED = """
tables:
  - name: removals
    source: removals
    labels: [RemovalEvent]
    key: [{property: removal_id, column: ":ID(RemovalEvent)"}]
    properties: [{column: RMV_TRK_NO}, {property: why, column: RMV_REA_TX}]
    relationships:
      - {type: HAS_REMOVAL, direction: in, end: {label: Component, key: [{column: component_id}]}}
"""


def test_a_changed_mapping_takes_away_what_it_no_longer_has(spark, lts_graph, loaded, tmp_path):
    """Properties, the vector and a relationship type go from the loader's own nodes; a third run is quiet."""
    changed = tmp_path / "changed.yml"
    changed.write_text(CHANGED)
    lts_graph.query("MATCH (n:RemovalEvent {removal_id: 'by hand'}) SET n.supplier_code = 'theirs'")
    summary = loaded.succeed(mapping=str(changed), reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["written"] == 30
    assert summary["totals"]["relationships"]["HAS_REMOVAL_EVENT"]["removed"] == 30
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["unchanged"] == 30
    names = lts_graph.query(
        "MATCH (n:RemovalEvent) WHERE n._dn_version IS NOT NULL UNWIND keys(n) AS name "
        "WITH DISTINCT name WHERE NOT name STARTS WITH '_dn_' RETURN name ORDER BY name"
    )
    assert [row["name"] for row in names] == ["RMV_TRK_NO", "note", "removal_id", "why"]
    assert lts_graph.value("MATCH (n:RemovalEvent {removal_id: 'by hand'}) RETURN n.supplier_code AS c") == "theirs"
    assert lts_graph.query(FOUND) == [{"note": "mine"}]
    again = loaded.succeed(mapping=str(changed), reset_checkpoint=True)
    assert again["totals"]["outcomes"]["unchanged"] == 30


LISTED = """
  - name: component_removal
    source: component_removal
    relationship:
      type: HAS_REMOVAL
      from: {label: Component, key: [{column: component_id}]}
      to: {label: RemovalEvent, key: [{column: removal_id}]}
"""


def test_a_relationship_that_moves_to_an_edge_list_stays(spark, lts_graph, loads, tmp_path):
    """The rows' own pass takes none of the list's edges away, neither after the reset nor when a row comes anew."""
    runs, mapping = loads(lts_graph), tmp_path / "graph.yml"
    write(spark, runs.source, [removal(n) for n in range(20)])
    ends = [(f"C{n % 11}", f"RE{n:06d}") for n in range(20)]
    listed = str(tmp_path / "component_removal")
    spark.createDataFrame(ends, "component_id STRING, removal_id STRING").write.format("delta").save(listed)
    mapping.write_text(CHANGED)
    runs.succeed(mapping=str(mapping))
    at = CHANGED.index("    relationships:")
    made_by = "      - {type: MADE_BY, end: {label: Supplier, key: [{column: supplier_code}]}}\n"
    rows = CHANGED[:at] + "    relationships:\n" + made_by
    head, body = rows.split("tables:\n")
    mapping.write_text(f"{head}tables:{LISTED}{body}")  # the list first: the rows' pass comes after it
    sources = {"removals": runs.source, "component_removal": listed}
    runs.succeed(mapping=str(mapping), sources=sources, reset_checkpoint=True)
    count = "MATCH (c:Component)-[e:HAS_REMOVAL]->(n:RemovalEvent) RETURN count(e) AS c"
    assert lts_graph.value(count) == 20
    write(spark, runs.source, [removal(3, supplier_code="S9")])
    runs.succeed(mapping=str(mapping), sources=sources)
    assert lts_graph.value(count) == 20
    settings = runs.settings(mapping=str(mapping), sources=sources)
    report = frames.upsert(spark, settings, _frame(spark, [removal(4, supplier_code="S8")]), "removals")
    assert report.summary()["totals"]["relationships"]["MADE_BY"]["written"] == 1
    assert lts_graph.value(count) == 20


def test_an_edge_that_went_with_its_end_comes_back_with_the_next_load(spark, lts_graph, loads, tmp_path):
    """A component is deleted with its edges: what a reload says of the removals' edges is what the graph then has."""
    mapping = tmp_path / "graph.yml"
    components = """
  - {name: components, source: components, labels: [Component], key: [{column: component_id}]}
"""
    mapping.write_text(CHANGED + components.lstrip("\n"))
    runs = loads(lts_graph, mapping=str(mapping))
    write(spark, runs.source, [removal(n) for n in range(20)])
    held = str(tmp_path / "components")
    spark.createDataFrame([(f"C{n}",) for n in range(11)], "component_id STRING").write.format("delta").save(held)
    sources = {"removals": runs.source, "components": held}
    runs.succeed(sources=sources)
    before = dump(lts_graph.driver)
    report = frames.delete(spark, runs.settings(sources=sources), ["C1", "C2"], "components")
    assert report.summary()["totals"]["outcomes"]["deleted"] == 2
    assert lts_graph.value("MATCH (:Component)-[e:HAS_REMOVAL]->() RETURN count(e) AS c") == 16
    again = runs.succeed(sources=sources, reset_checkpoint=True)
    terms = again["totals"]["relationships"]["HAS_REMOVAL"]
    assert (terms["written"], terms["unchanged"]) == (4, 16)
    assert dump(lts_graph.driver) == before


def test_a_lost_key_fails_the_deletion(spark, loads, lts_graph, monkeypatch):
    """One of three keys never reaches the graph: the sums say so."""
    delete = GraphWriter.delete
    monkeypatch.setattr(GraphWriter, "delete", lambda self, rows, table: delete(self, rows.limit(2), table))
    report = frames.delete(spark, loads(lts_graph).settings(), ["a", "b", "c"])
    assert (report.exit_code, report.balanced) == (4, False)


def test_a_step_that_fails_without_a_stream_ends_in_a_report(spark, lts_graph, loads):
    """The gate stops it: exit code 5, and the run is on record."""
    runs = loads(lts_graph)
    report = frames.upsert(spark, runs.settings(), _frame(spark, [removal(n, id=None) for n in range(150)]))
    assert (report.exit_code, report.status) == (5, "failed")
    assert "<<" not in str(report.error)
    assert State(runs.state).read(spark, "runs").count() == 1


def test_a_budget_holds_without_a_stream_too(spark, lts_graph, loads, endpoint):
    """Of seven texts three are paid for."""
    runs = loads(lts_graph)
    report = frames.upsert(spark, runs.settings(budget_texts=3), _frame(spark, [removal(n) for n in range(20)]))
    assert (report.exit_code, report.status) == (6, "stopped")
    assert len(set(endpoint.texts) & {f"Oil leak at fitting {n}" for n in range(7)}) == 3


@pytest.mark.parametrize("keys", ["RE000001", b"RE000001", {"removal_id": "RE000001"}, 7])
def test_keys_are_a_list(spark, lts_graph, loads, keys):
    """A text is not taken apart into keys of one letter."""
    report = frames.delete(spark, loads(lts_graph).settings(), keys)
    assert "a list of keys" in str(report.error)


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
    newest_graph.query(str(report.error).partition("take them out with ")[2])
    assert runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]["written"] == 3
    assert newest_graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN count(n) AS c") == 3


def test_a_mapping_that_gains_a_relationship_rewrites_no_node(spark, lts_graph, loads, tmp_path):
    """After a reset only what changed is written: here the edges."""
    less = tmp_path / "less.yml"
    less.write_text(CHANGED)
    runs = loads(lts_graph, mapping=str(less))
    write(spark, runs.source, [removal(n) for n in range(10)])
    runs.succeed()
    more = CHANGED + "      - {type: MADE_BY, end: {label: Supplier, key: [{column: work_order_number}]}}\n"
    less.write_text(more.replace("work_order_number", "aircraft_id"))
    summary = runs.succeed(reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["unchanged"] == 10
    assert summary["totals"]["relationships"]["MADE_BY"]["written"] == 10
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["unchanged"] == 10


def test_frames_are_upserted_and_keys_deleted_with_the_same_account(spark, lts_graph, loads):
    """No stream, no checkpoint: rows read = outcomes, dead letters are kept, the newest call wins."""
    runs = loads(lts_graph)
    rows = [removal(n) for n in range(5)]
    report = frames.upsert(spark, runs.settings(), _frame(spark, [*rows, removal(9, id=None)]))
    assert report.error is None
    outcomes = report.summary()["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["dead_lettered"], report.balanced) == (5, 1, True)
    frames.upsert(spark, runs.settings(), _frame(spark, [removal(1, RMV_REA_TX="newer")]))
    assert lts_graph.value("MATCH (n {removal_id: 'RE000001'}) RETURN n.RMV_REA_TX AS t") == "newer"
    report = frames.delete(spark, runs.settings(), ["RE000001", "RE000002", "RE000002", "nobody"])
    outcomes = report.summary()["totals"]["outcomes"]
    assert (report.summary()["totals"]["rows_read"], report.balanced) == (4, True)
    assert (outcomes["deleted"], outcomes["unchanged"], outcomes["superseded"]) == (2, 1, 1)
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 3
    history = MappingHistory.of_all(spark, State(runs.state), ["removals"])["removals"]
    assert (len(history.records), history.columns) == (1, None)  # a frame says nothing of a table's columns
    keys = spark.createDataFrame([("RE000003",)], "`:ID(RemovalEvent)` STRING")
    assert frames.delete(spark, runs.settings(), keys).summary()["totals"]["outcomes"]["deleted"] == 1
