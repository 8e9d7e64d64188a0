"""Mapping files: what is accepted, what is refused, and with which words."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

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
    assert [(p.name, p.column, p.type) for p in table.properties] == [("size", "size", "integer")]


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
    ],
)
def test_a_faulty_mapping_is_refused_in_one_line(tmp_path, change, words):
    """The line names the file and the place."""
    with pytest.raises(MappingError) as caught:
        _read(tmp_path, SOUND.replace(*change, 1))
    assert words in str(caught.value)
    assert "m.yml" in str(caught.value)
    assert "\n" not in str(caught.value)


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
