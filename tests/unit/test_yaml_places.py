"""Faults of a mapping file stand at their line and column."""

from __future__ import annotations

import pytest

from delta_neo4j import yaml_places
from delta_neo4j.mapping import validated

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


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (("type: integer", "type: number"), "7:30: tables[0].properties[0].type: input should be 'string', "),
        (("type: float", "type: [float]"), "9:15: tables[0].properties[1].type: input should be 'string', "),
        (("    labels:", "    label:"), "4:5: tables[0].label: is not a key that can stand here"),
        (("- {column: size,", "- {colum: size,"), "7:10: tables[0].properties[0].colum: is not a key that can"),
        (("    source: things\n", ""), "2:5: tables[0].source: is missing"),
        (("{column: id}", "{column: no}"), "5:20: tables[0].key[0].column: should be text; put it in quotes"),
        (("[{column: id}]", "{column: id}"), "5:10: tables[0].key: should be a list"),
        (("{column: id}", "id"), "5:11: tables[0].key[0]: should be a map of keys and values"),
        (("[Thing]", "[A b]"), "4:14: tables[0].labels[0]: 'A b' is not usable as a label"),
        (("{column: size,", "{expression: 'now()', property: size,"), "7:22: tables[0].properties[0].expression: exp"),
        (("{column: size,", "{column: id,"), "2:5: tables[0]: property 'id' is filled twice"),
        (("tables:", "table:"), "1:1: table: is not a key that can stand here"),
    ],
)
def test_a_fault_has_its_line_column_and_path(change, shown):
    """The place is that of the value; of the key, where the key is what is wrong; of the map, where one is missing."""
    assert change[0] in SOUND
    faults = _faults(SOUND.replace(*change, 1))
    assert any(fault.startswith(shown) for fault in faults), faults


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tables: [", "1:10: the file: is not YAML: "),
        ("tables:\n\t- x", "2:1: the file: is not YAML: found character '\\t'"),
        ("tables:\n  - a\x00b", "2:6: the file: is not YAML: the character U+0000 cannot stand here"),
        ("a: 1\n---\nb: 2\n", "2:1: the file: is not YAML: but found another document"),
        ("tables: 2024-13-45", "1:1: the file: is not YAML: month must be in 1..12"),
        ("tables: !!python/object:os.system x", "1:9: the file: is not YAML: could not determine a constructor"),
        ("tables: " + "[" * 1500, "1:1: the file: is not YAML: its lists and maps are nested too deeply"),
        ("tables: *nothing", "1:9: the file: is not YAML: found undefined alias 'nothing'"),
        ("", "1:1: the file: should be a map of keys and values"),
        ("- a", "1:1: the file: should be a map of keys and values"),
        ("tables: {}", "1:9: tables: should be a list"),
        ("tables: []", "1:9: tables: list should have at least 1 item"),
        ("tables: &a [*a]", "1:9: tables[0]: should be a map"),
        ("1: 2", "1:1: tables: is missing"),
    ],
)
def test_what_is_no_mapping_at_all_is_one_line(text, shown):
    """Broken YAML, another document, a number that is none and deep nesting each give one line with its place."""
    first = _faults(text)[0]
    assert first.startswith(shown)
    assert "\n" not in first


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
