"""What every statement does, on a server of each line: without Spark, so that both lines see all of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph import schema
from delta_neo4j.graph.cypher import edge_lists as edge_list_text
from delta_neo4j.graph.cypher import nodes as node_text
from delta_neo4j.graph.cypher import relationships as relationship_text
from delta_neo4j.graph.cypher.common import OWNER
from delta_neo4j.graph.search import vector
from delta_neo4j.graph.search.opened import opened
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.mapping.plan import Mapping
from delta_neo4j.settings.connection import Connection
from tests.support.neo4j_servers import PASSWORD
from tests.support.statements import mapping_of, statements

ZERO = {"w": 0, "x": 0}
EVENT = {"name": "events", "source": "t", "labels": ["Event"], "key": [{"column": "id"}]}
END = {"column": "person_id"}


def _table(**more):
    return MappingModel(tables=[{**EVENT, **more}]).tables[0].planned()


def _connection(graph):
    return Connection(graph.uri, "neo4j", PASSWORD)


def _upsert(graph, table, row):
    """Send a row, {k0, v, h, p…}; give its outcome."""
    sent = {**ZERO, **{f"e{i}": 0 for i in range(len(table.edge_types))}, "p": {}, **row}
    source = row["v"][:2]
    (record,) = graph.query(node_text.upsert_nodes(table), rows=[sent], owner=OWNER, source=source, maps=[])
    return record["outcome"]


def test_every_statement_is_understood(graph):
    """Nodes, edges, texts, chunks, look-up, removal, constraints: the server makes a plan of each."""
    made = [each for each in statements(mapping_of("L", "T", "p", "i", "c")) if "VECTOR INDEX" not in each]
    assert len(made) > 20
    for statement in made:
        graph.query(f"EXPLAIN {statement}")


def test_an_older_version_never_overwrites_a_newer_one(graph):
    """It is superseded, whatever it holds; an equal one applies, and so does one of another source."""
    table = _table(properties=[{"column": "name"}])
    new = {"k0": "a", "v": "s:02", "h": "1", "p": {"name": "new"}}
    assert _upsert(graph, table, new) == "written"
    assert _upsert(graph, table, {**new, "v": "s:01", "h": "2", "p": {"name": "old"}}) == "superseded"
    assert graph.value("MATCH (n:Event) RETURN n.name AS name") == "new"
    assert _upsert(graph, table, new) == "unchanged"
    assert _upsert(graph, table, {**new, "h": "3", "p": {"name": "mapped anew"}}) == "written"
    assert _upsert(graph, table, {**new, "v": "r:01", "h": "4", "p": {"name": "created anew"}}) == "written"
    assert graph.value("MATCH (n:Event) RETURN n.name AS name") == "created anew"


def test_an_older_edge_of_a_list_never_overwrites_a_newer_one(graph):
    """An edge list's rows have versions of their own."""
    ends = {"from": {"label": "A", "key": [{"column": "a"}]}, "to": {"label": "B", "key": [{"column": "b"}]}}
    listed = {"name": "l", "source": "t", "relationship": {"type": "R", **ends}, "properties": [{"column": "n"}]}
    table = MappingModel(tables=[listed]).tables[0].planned()

    def sent(version, value):
        row = {"k0": "a", "k1": "b", "p": {"n": value}, "v": version, "h": value, "i": 0}
        (record,) = graph.query(edge_list_text.merge_edges(table), rows=[row], owner=OWNER, source="s:")
        return record["outcome"]

    assert [sent("s:02", "new"), sent("s:01", "old"), sent("s:02", "new")] == ["written", "superseded", "unchanged"]
    assert graph.value("MATCH ()-[e:R]->() RETURN e.n AS n") == "new"


def test_moments_are_those_of_utc_wherever_the_server_stands(graph):
    """Single properties of nodes and relationships, date, zoned and local; the servers here stand in New York."""
    kinds = {"day": "date", "moment": "datetime", "wall": "local_datetime"}
    typed = [{"column": name, "type": kind} for name, kind in kinds.items()]
    table = _table(
        properties=typed,
        relationships=[{"type": "AT", "end": {"label": "P", "key": [END]}, "properties": [*typed, {"column": "seat"}]}],
    )
    noon = dt.datetime(2024, 7, 1, 12, 30, tzinfo=dt.UTC)
    moments = {f"s{i}": int(noon.timestamp()) for i in range(3)} | {f"n{i}": 5_000 for i in range(3)}
    row = {"k0": "a", "v": "s:01", "h": "1", **moments}
    _upsert(graph, table, row)
    edge = {**row, "r": "1", "t0": "p", "i": 0, "q": "1", "p": {"seat": "window"}}
    graph.query(relationship_text.merge_relationships(table, 0), rows=[edge], owner=OWNER, stamp=True)
    for found in graph.query("MATCH (n:Event)-[e:AT]->() UNWIND [n, e] AS x RETURN properties(x) AS p"):
        assert found["p"]["day"].to_native() == noon.date()
        assert found["p"]["moment"].to_native() == noon.replace(microsecond=5)
        assert found["p"]["moment"].tzinfo.utcoffset(None) == dt.timedelta(0)
        assert found["p"]["wall"].to_native() == noon.replace(microsecond=5, tzinfo=None)
    assert graph.value("MATCH ()-[e:AT]->() RETURN e.seat AS seat") == "window"


PILOT = {"type": "INVOLVES", "end": {"label": "Pilot", "key": [{"column": "pilot_id"}]}}
PERSON = {"type": "INVOLVES", "end": {"label": "Person", "key": [END]}}


def _related(graph, table, row):
    """Take every pass over one row, as `relationships` does."""
    removed = 0
    for position, relationship in enumerate(table.relationships):
        others = [row[each.end_key[0].name] for each in table.siblings(relationship)]
        siblings = {f"o{number}_0": value for number, value in enumerate(others)}
        sent = {"k0": "e", "v": "s:01", "h": "1", "r": row["r"], "i": 0, "t0": row[relationship.end_key[0].name]}
        statement = relationship_text.merge_relationships(table, position)
        (record,) = graph.query(statement, rows=[{**sent, **siblings}], owner=OWNER, stamp=True)
        removed += record["removed"]
    found = graph.query("MATCH (:Event)-[:INVOLVES]->(n) RETURN coalesce(n.pilot_id, n.person_id) AS id ORDER BY id")
    return removed, [each["id"] for each in found]


def test_edges_of_one_type_to_a_node_of_two_labels_stay_apart(graph):
    """A pilot is a person: the pass over persons leaves the edge to the pilot, until the row names another pilot."""
    graph.query("CREATE (:Pilot:Person {pilot_id: 'P1', person_id: 'H1'}), (:Pilot:Person {pilot_id: 'P2'})")
    table = _table(relationships=[PILOT, PERSON])
    _upsert(graph, table, {"k0": "e", "v": "s:01", "h": "1"})
    assert _related(graph, table, {"pilot_id": "P1", "person_id": "H2", "r": "1"}) == (0, ["H2", "P1"])
    assert _related(graph, table, {"pilot_id": "P2", "person_id": "H2", "r": "2"}) == (1, ["H2", "P2"])
    assert _related(graph, table, {"pilot_id": "P2", "person_id": "H3", "r": "3"}) == (1, ["H3", "P2"])
    assert _related(graph, table, {"pilot_id": None, "person_id": "H3", "r": "4"}) == (1, ["H3"])


def test_an_edge_of_a_list_is_not_the_rows_to_remove(graph):
    """While the mapping has the list, for a node may have its label and the rows'; then they go, too."""
    table = _table(relationships=[PERSON])
    beside = replace(table, listed_types=("INVOLVES",))
    _upsert(graph, table, {"k0": "e", "v": "s:01", "h": "1"})
    graph.query(
        "MATCH (e:Event) UNWIND ['L', 'H1'] AS id MERGE (p:Person {person_id: id}) "
        "CREATE (e)-[:INVOLVES {_dn_owner: $owner, _dn_version: 's:01'}]->(p)",
        owner=OWNER,
    )
    assert _related(graph, beside, {"person_id": "H1", "r": "1"}) == (0, ["H1", "L"])
    assert _related(graph, beside, {"person_id": "H2", "r": "2"}) == (0, ["H1", "H2", "L"])
    assert _related(graph, table, {"person_id": "H3", "r": "3"}) == (3, ["H3"])


FILTERED = {
    "properties": [{"column": "name"}, {"column": "severity", "type": "integer", "filterable": True}],
    "embedding": {"text": "name", "index": {"name": "event_vectors", "dimension": 2}},
}


def test_filterable_properties_are_in_the_index_where_the_server_can(graph):
    """2026.x filters inside it; 5.26 has the vector alone; the nearest are found on both."""
    table = _table(**FILTERED)
    # Another table fills the same index and marks nothing: the index is the one of both.
    plain = _table(**{**FILTERED, "name": "others", "properties": [{"column": "name"}]})
    schema.ensure(_connection(graph), Mapping("", (plain, table)))
    graph.query(
        "UNWIND range(0, 9) AS n WITH n, n / 9.0 AS angle "
        "CREATE (:Event {id: toString(n), severity: n % 2, embedding: [cos(angle), sin(angle)]})"
    )
    (index,) = graph.query("SHOW VECTOR INDEXES YIELD properties, state")
    can_filter = graph.server.version.startswith("2026")
    assert index["properties"] == (["embedding", "severity"] if can_filter else ["embedding"])
    with opened(Connection(graph.uri, "neo4j", PASSWORD, "neo4j", 5), table) as open_graph:
        hits = vector.nearest(open_graph, np.array([1.0, 0.0], dtype=np.float32), 3)
    assert [hit.key for hit in hits] == [("0",), ("1",), ("2",)]
    if can_filter:
        within = (
            "CYPHER 25 MATCH (n:Event) "
            "SEARCH n IN (VECTOR INDEX event_vectors FOR $vector WHERE n.severity = 1 LIMIT 2) RETURN n.id AS id"
        )
        assert {row["id"] for row in graph.query(within, vector=[1.0, 0.0])} == {"1", "3"}


@pytest.mark.calendar
def test_an_index_without_a_filterable_property_is_not_passed_off_as_one_with_it(newest_graph):
    """The index was made before the mapping marked the property: one line that says what to do."""
    plain = {**FILTERED, "properties": [{"column": "name"}]}
    schema.ensure(_connection(newest_graph), Mapping("", (_table(**plain),)))
    with pytest.raises(PreflightError, match=r"filterable properties severity; drop it \(DROP INDEX event_vectors\)"):
        schema.ensure(_connection(newest_graph), Mapping("", (_table(**FILTERED),)))
