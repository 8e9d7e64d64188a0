"""Mapping files and their JSON schema: what each becomes in the plan. Refused ones: test_refusals.py."""

from __future__ import annotations

import json
import pickle

import pytest
from click.testing import CliRunner

from delta_neo4j.cli.console import cli
from delta_neo4j.errors import MappingError
from delta_neo4j.mapping import plan
from delta_neo4j.mapping.file import json_schema, read_mapping
from delta_neo4j.mapping.identifiers import constraint_name
from tests.support.places import ROOT

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
    for file in sorted((ROOT / "mappings").glob("*.yml")):
        assert read_mapping(file.stem).tables


def test_a_property_keeps_its_columns_name(tmp_path):
    """Without `property` the graph name is the column's."""
    (table,) = _read(tmp_path, SOUND).tables
    assert table.properties == (plan.Property("size", plan.Input("size"), "integer"),)


def test_a_property_may_be_an_expression(tmp_path):
    """An expression has a name of its own."""
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


def test_several_faults_are_counted(tmp_path):
    """The line has the first one, and says that the command which lists them all exists."""
    with pytest.raises(MappingError, match=r"m.yml:5:14: .* \(and 1 more: delta-neo4j mapping check lists them\)"):
        _read(tmp_path, SOUND.replace("[Thing]", "[a b]").replace("integer", "number"))


def test_an_unknown_mapping_is_refused():
    """A name that is neither a file nor a shipped mapping says so; a path cannot climb out."""
    for name in ("nonesuch", "../mappings/removals"):
        with pytest.raises(MappingError, match="neither a file nor") as refused:
            read_mapping(name)
        assert all(shipped.stem in str(refused.value) for shipped in (ROOT / "mappings").glob("*.yml"))


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


def test_a_full_text_index_is_no_other_mapping(tmp_path):
    """A mapping with one has the digest that it had without one, so no checkpoint has to be reset for it."""
    before = {"removals": "f3cfb3a8cf8dec62", "maintenance_events": "22675382981ea97d"}
    assert {name: read_mapping(name).tables[0].digest for name in before} == before
    assert read_mapping("removals").tables[0].fulltext == plan.FullText(
        "removal_reason_texts", "RemovalEvent", ("RMV_REA_TX",)
    )
    fulltext = read_mapping("removals_by_reason").tables[0].fulltext
    assert fulltext == plan.FullText("removal_reason_words", "RemovalReason", ("text",))


def test_a_plan_travels():
    """The plan is made of plain values that pickle."""
    graph = read_mapping("removals")
    assert pickle.loads(pickle.dumps(graph)) == graph  # noqa: S301  # our own bytes


MAPPINGS = ROOT / "mappings"


def test_the_schema_that_ships_is_up_to_date():
    """`delta-neo4j mapping schema > mappings/mapping.schema.json` changes nothing."""
    printed = CliRunner().invoke(cli, ["mapping", "schema"]).stdout
    assert printed == json_schema() == (MAPPINGS / "mapping.schema.json").read_text(encoding="utf-8")


def test_every_key_is_described():
    """An editor can say of each key what it is for."""
    for name, part in json.loads(json_schema())["$defs"].items():
        for key, told in part["properties"].items():
            assert told.get("description"), f"{name}.{key}"


def test_every_shipped_mapping_names_the_schema():
    """The first line is what editors look for."""
    for file in MAPPINGS.glob("*.yml"):
        assert file.read_text().startswith("# yaml-language-server: $schema=mapping.schema.json\n"), file.name


def test_the_default_source_text_and_key_are_the_guides():
    """Without a setting the shipped mapping reads the guide's table."""
    from delta_neo4j.mapping.file import read_mapping

    (table,) = read_mapping("removals").tables
    assert table.source == "airline_test.airline_test_lakehouse.nodes_removals_large"
    shipped = (ROOT / "mappings" / "removals.yml").read_text()
    assert 'column: ":ID(RemovalEvent)"' in shipped
    assert "text: RMV_REA_TX" in shipped
