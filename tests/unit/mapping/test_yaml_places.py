"""Faults of a mapping file stand at their line and column."""

from __future__ import annotations

from delta_neo4j.mapping import yaml_places
from delta_neo4j.mapping.file import validated

SOUND = """\
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{column: id}]
    properties:
      - {column: size, type: integer}
      - column: "größe"
        type: float
"""


def _faults(text):
    return [str(fault) for fault in validated(text)[1]]


def test_a_sound_file_has_no_faults():
    """The file that the other tests break reads."""
    model, faults = validated(SOUND)
    assert (model is not None, faults) == (True, [])


def test_all_faults_are_given_in_the_order_of_the_file():
    """One run shows everything that is wrong."""
    text = SOUND.replace("integer", "number").replace("[Thing]", "[1]").replace("type: float", "tipe: float")
    assert [fault.split(":")[0] for fault in _faults(text)] == ["4", "7", "9"]


def test_a_key_that_stands_twice_is_a_fault():
    """YAML would take the last one without a word; the fault stands at the second."""
    assert _faults(SOUND + "    source: others\n") == ["10:5: tables[0].source: stands twice in one map"]
    assert _faults(SOUND.replace("{column: id}", "{column: id, column: x}")) == [
        "5:24: tables[0].key[0].column: stands twice in one map"
    ]


def test_anchors_may_be_used():
    """What an alias repeats is read once; a fault in it is told once where it stands."""
    shared = (
        SOUND.replace("key: [", "key: &key [")
        + "    relationships:\n      - {type: IS, end: {label: Other, key: *key}}\n"
    )
    assert _faults(shared) == []
    twice = shared.replace("{column: id}", "{column: id, column: x}")
    assert _faults(twice) == ["5:29: tables[0].key[0].column: stands twice in one map"]


def test_a_path_that_the_file_does_not_have_falls_back():
    """The place is that of the deepest part that is there."""
    document = yaml_places.read(SOUND)
    fault = document.fault(["tables", 0, "properties", 7, "type"], "x")
    assert (fault.line, fault.column, fault.path) == (7, 7, "tables[0].properties[7].type")


def test_lists_nested_too_deeply_are_one_fault():
    """The parser's recursion ends in a line, not in a trace."""
    assert _faults("tables: " + "[" * 800) == ["1:1: the file: is not YAML: its lists and maps are nested too deeply"]
