"""Mapping files: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from delta_neo4j import plan
from delta_neo4j.cypher.schema import constraint_name
from delta_neo4j.errors import MappingError
from delta_neo4j.mapping import read_mapping

SOUND = """
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{column: id}]
    properties: [{column: size, type: integer}]
"""


def _read(tmp_path, text):
    file = tmp_path / "m.yml"
    file.write_text(text)
    return read_mapping(str(file))


def test_the_shipped_mapping_is_the_removals_graph():
    """Key, constraint name, index and both relationships are those of the contract."""
    (table,) = read_mapping("removals").tables
    assert table.labels == ("RemovalEvent",)
    assert constraint_name("RemovalEvent", ("removal_id",)) == "removal_event_removal_id_unique"
    assert [p.name for p in table.key] == ["removal_id"]
    assert table.embedding.index.name == "removal_reason_embeddings"
    assert table.embedding.index.dimension == 384
    assert [(r.type, r.end_label, r.incoming) for r in table.relationships] == [
        ("HAS_REMOVAL", "Component", True),
        ("HAS_REMOVAL_EVENT", "Aircraft", True),
    ]


def test_every_shipped_mapping_is_sound():
    """Each file in `mappings/` reads."""
    for file in sorted((Path(__file__).parents[2] / "mappings").glob("*.yml")):
        assert read_mapping(file.stem).tables


def test_a_property_keeps_its_columns_name(tmp_path):
    """Without `property` the graph name is the column's."""
    (table,) = _read(tmp_path, SOUND).tables
    assert table.properties == (plan.Property("size", plan.Input("size"), "integer"),)


def test_a_property_may_be_an_expression(tmp_path):
    """An expression has a name of its own; one that is not replay-stable is refused."""
    given = "{expression: upper(name), property: title, type: string}"
    (table,) = _read(tmp_path, SOUND.replace("{column: size, type: integer}", given)).tables
    assert table.properties == (plan.Property("title", plan.Input("upper(name)", is_expression=True), "string"),)


def test_the_plan_asks_for_each_input_once(tmp_path):
    """Columns, expressions, template, vector, ends and order are asked of the source once, in a stable order."""
    text = (
        SOUND.replace("type: integer}", "type: integer}, {column: size, property: width}").rstrip()
        + """
    embedding: {template: "{name}: {:ID(Odd)}", index: {name: things}}
    relationships:
      - {type: IN, end: {label: Room, key: [{column: room}]}, properties: [{expression: size + 1, property: bigger}]}
    order_by: [changed, size]
"""
    )
    (table,) = _read(tmp_path, text).tables
    assert [str(each) for each in table.inputs] == [
        "column 'id'", "column 'size'", "column 'name'", "column ':ID(Odd)'", "column 'room'", "expression 'size + 1'",
        "column 'changed'",
    ]  # fmt: skip


def test_text_nodes_are_a_relationship_to_the_texts_node(tmp_path):
    """The row points at the node of its text, which is found by the text's hash and asks no column of the source."""
    text = SOUND + "    embedding: {text: size, text_nodes: {label: Size, relationship: HAS}, index: {name: sizes}}\n"
    (table,) = _read(tmp_path, text).tables
    (held,) = table.relationships
    assert (held.type, held.end_label, held.incoming, held.on_missing) == ("HAS", "Size", False, "merge")
    assert held.end_key == (plan.Property("text_id", plan.TEXT_HASH, "string"),)
    assert table.text_nodes == plan.TextNodes("Size", "HAS")
    assert (table.vector_on_row, table.has_text) == (None, True)
    assert plan.TEXT_HASH not in table.inputs


def test_an_edge_list_finds_both_ends_by_their_keys():
    """The whole aircraft graph: four tables of nodes, then four of relationships keyed by both ends."""
    tables = {table.name: table for table in read_mapping("aircraft").tables}
    assert list(tables) == [
        "aircraft", "systems", "components", "removals", "aircraft_system", "system_component", "component_removal",
        "aircraft_removal",
    ]  # fmt: skip
    table = tables["component_removal"]
    assert (table.edge.type, table.edge.start_label, table.edge.end_label) == (
        "HAS_REMOVAL", "Component", "RemovalEvent",
    )  # fmt: skip
    assert [(p.name, p.input.text) for p in table.key] == [
        ("component_id", ":START_ID(Component)"), ("removal_id", ":END_ID(RemovalEvent)"),
    ]  # fmt: skip


def test_the_same_removals_are_told_alike_in_all_their_mappings():
    """The three shipped mappings of removals give their nodes the same key, properties and types."""
    alone, reasons = (read_mapping(name).tables[0] for name in ("removals", "removals_by_reason"))
    whole = next(table for table in read_mapping("aircraft").tables if table.name == "removals")
    for other in (reasons, whole):
        assert (other.labels, other.key, other.properties) == (alone.labels, alone.key, alone.properties)


EMBEDDED = "    embedding: {text: size, index: {name: i}}\n"
RELATED = "    relationships: [{type: IN, end: {label: Room, key: [{column: room}]}}]\n"
SECOND = SOUND.replace("tables:\n", "").replace("name: things", "name: others")
EDGE = "relationship: {type: R, from: {label: A, key: [{column: a}]}, to: {label: B, key: [{column: b}]}}"
LISTED = """  - name: listed
    source: listed
    relationship: {type: IN, from: {label: Thing, key: [{column: id}]}, to: {label: Room, key: [{column: room}]}}
"""
ROOMS = """  - name: rooms
    source: rooms
    labels: [Room]
    key: [{column: room}]
    relationships: [{type: IN, direction: in, end: {label: Thing, key: [{column: id}]}}]
"""
TEXT_NODES = "text_nodes: {label: Thing, relationship: R}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("labels:", "label:"), "label"),
        (("[Thing]", '["Thing`) DETACH DELETE n //"]'), "not usable as a label"),
        (("type: integer", "type: number"), "type"),
        (("{column: size", "{column: id"), "filled twice"),
        (("{column: size", "{column: _dn_hash"), "not usable as a property name"),
        (("key: [{column: id}]", "key: []"), "key"),
        (("tables:", "tables: ["), "not YAML"),
        (("{column: id}", "{column: id, type: float}"), "a key of type float cannot be found again"),
        (("{column: id}", "{column: id}, {column: a, property: id}"), "a key names one property twice"),
        (("{column: size", "{column: size, expression: a"), "give either `column` or `expression`"),
        (("{column: size", "{expression: a"), "an expression needs a name"),
        (("{column: size", "{expression: rand(), property: size"), "another value at every reading"),
        (("type: integer", "type: integer, filterable: true"), "filterable is for `properties` of a node"),
        (("    key: [{column: id}]\n", ""), "give `labels` and `key`"),
        (("    properties", f"    {EDGE}\n    properties"), "nothing of nodes"),
    ],
)
def test_a_faulty_mapping_is_refused_in_one_line(tmp_path, change, words):
    """The line names the file and the place."""
    assert change[0] in SOUND
    with pytest.raises(MappingError) as caught:
        _read(tmp_path, SOUND.replace(*change, 1))
    assert words in str(caught.value)
    assert "m.yml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (EMBEDDED.replace("text: size, ", ""), "give one of `text`"),
        (EMBEDDED.replace("text: size", "text: size, vector: v"), "give one of `text`"),
        (EMBEDDED.replace("text: size", "template: size"), "names no column"),
        (EMBEDDED.replace("text: size", "text: size, chunks: {overlap: 150}"), "more than half a piece"),
        (EMBEDDED.replace("text: size", f"text: size, chunks: {{}}, {TEXT_NODES}"), "not on both"),
        (EMBEDDED.replace("text: size", "vector: v, chunks: {}"), "ready vectors belong to rows"),
        (EMBEDDED.replace("text: size", "text: size, chunks: {}, property: index"), "calls something else"),
        (EMBEDDED.replace("text: size", "text: size, property: size"), "filled twice"),
        (EMBEDDED.replace("text: size", f"text: size, {TEXT_NODES}"), "need another"),
        (EMBEDDED.replace("name: i", "name: i, dimension: 0"), "dimension"),
        (RELATED.replace("}}]", "}}, {type: IN, end: {label: Room, key: [{column: r}]}}]", 1), "stands twice"),
        (RELATED.replace("}}]", "}, properties: [{column: a}, {column: b, property: a}]}]"), "filled twice"),
        (RELATED.replace("}}]", "}, properties: [{column: a, filterable: true}]}]"), "filterable is for"),
        (RELATED.replace("}}]", "}, properties: [{column: a, type: map}]}]"), "a relationship takes no map; type json"),
        (LISTED.rstrip() + "\n    properties: [{column: a, type: map}]\n", "a relationship takes no map; type json"),
        (RELATED.replace("end:", "on_missing: ignore, end:"), "on_missing"),
        (SECOND.replace("others", "things"), "two tables have the same name"),
        (
            EMBEDDED + SECOND.replace("[Thing]", "[Other]").rstrip() + "\n" + EMBEDDED,
            "two vector indexes have the name i",
        ),
        (
            EMBEDDED + SECOND.rstrip() + "\n" + EMBEDDED.replace("name: i", "name: i, dimension: 3"),
            "the vector index on Thing.embedding is described in two ways",
        ),
        (
            EMBEDDED + SECOND.rstrip() + "\n" + EMBEDDED.replace("text: size", "vector: v"),
            "the vectors of Thing.embedding come from a column and from a text",
        ),
        (SECOND.replace("{column: id}", "{column: id, type: integer}"), "the key Thing.id is of type string and"),
        (SECOND.replace("[Thing]", "[THING]"), r"the keys Thing\(id\) and THING\(id\) would both have the constraint"),
        (
            RELATED + LISTED,
            "relationship IN comes from the rows, as its start, of things and from the edge list of listed",
        ),
        (
            RELATED + ROOMS,
            "relationship IN comes from the rows, as its start, of things and from the rows, as its end, of rooms",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(tmp_path, more, words):
    """Vectors, relationships and tables that contradict themselves or each other say how."""
    with pytest.raises(MappingError, match=words):
        _read(tmp_path, SOUND.rstrip() + "\n" + more.lstrip("\n"))


def test_several_faults_are_counted(tmp_path):
    """The line has the first one, and says that the command which lists them all exists."""
    with pytest.raises(MappingError, match=r"m.yml:5:14: .* \(and 1 more: delta-neo4j mapping check lists them\)"):
        _read(tmp_path, SOUND.replace("[Thing]", "[a b]").replace("integer", "number"))


def test_an_unknown_mapping_is_refused():
    """A name that is neither a file nor a shipped mapping says so; a path cannot climb out."""
    for name in ("nonesuch", "../mappings/removals"):
        with pytest.raises(MappingError, match="neither a file nor"):
            read_mapping(name)


def test_sources_are_replaced_by_name(tmp_path):
    """`--source` replaces the table's source; an unknown table is refused."""
    assert read_mapping("removals", {"": "/data/x"}).tables[0].source == "/data/x"
    assert read_mapping("removals", {"removals": "a.b.c"}).tables[0].source == "a.b.c"
    with pytest.raises(MappingError, match="has no table 'planes'"):
        read_mapping("removals", {"planes": "x"})


def test_the_digest_tells_mappings_apart_but_not_their_source():
    """Another source is the same mapping; another property is another one."""
    one, other = (read_mapping("removals", {"": source}).tables[0] for source in ("a", "b"))
    assert one.digest == other.digest
    assert read_mapping("maintenance_events").tables[0].digest != one.digest


def test_a_plan_travels():
    """The plan is made of plain values that pickle."""
    graph = read_mapping("removals")
    assert pickle.loads(pickle.dumps(graph)) == graph  # noqa: S301  # our own bytes
