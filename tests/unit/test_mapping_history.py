"""What a table's earlier mappings wrote and this one does not, unless another table of the mapping writes it now."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.mapping_history import MappingHistory, _writes
from delta_neo4j.mapping_model import MappingModel

BEFORE = {"labels": ["Thing"], "properties": ["size"], "maps": [], "relationships": [["IN", False, "Room", False]]}
THING = {"name": "things", "source": "t", "labels": ["Thing"], "key": [{"column": "id"}]}
END = {"label": "Room", "key": [{"column": "room"}]}
LISTED = {"type": "IN", "from": {"label": "Thing", "key": [{"column": "id"}]}, "to": END}
BACK = {"type": "IN", "direction": "in", "end": {"label": "Thing", "key": [{"column": "id"}]}}


def _retired(*others):
    """Give the properties and relationships that go from the things of a mapping with these other tables."""
    things, *rest = (table.planned() for table in MappingModel(tables=[THING, *others]).tables)
    history = MappingHistory(None, "things", ({"writes": json.dumps(BEFORE)},))
    found = history.with_retired(things, [things, *rest])
    return found.retired.properties, [relationship.type for relationship in found.relationships]


def test_what_no_table_writes_any_more_goes():
    """A property and a relationship of an earlier mapping."""
    assert _retired() == (("size",), ["IN"])


@pytest.mark.parametrize(
    "other",
    [
        {"name": "o", "source": "o", "relationship": LISTED},
        {"name": "o", "source": "o", "labels": ["Room"], "key": [{"column": "room"}], "relationships": [BACK]},
        {**THING, "name": "o", "relationships": [{"type": "IN", "end": END}]},
    ],
    ids=["an edge list", "the rows at the other end", "another table of the label"],
)
def test_a_relationship_that_moved_stays(other):
    """Wherever in the mapping it comes from now."""
    assert _retired(other) == (("size",), [])


def test_a_property_that_moved_to_another_table_of_the_label_stays():
    """Its nodes are the same."""
    assert _retired({**THING, "name": "o", "properties": [{"column": "size"}]}) == ((), ["IN"])


def test_a_vector_that_moves_to_the_nodes_of_texts_leaves_the_rows():
    """The same property, on another node: the rows' own would answer searches for ever."""
    embedded = {**THING, "properties": [{"column": "why"}], "embedding": {"text": "why", "index": {"name": "i"}}}
    texts = {"text_nodes": {"label": "Reason", "relationship": "HAS_REASON"}}
    before, now = (
        MappingModel(tables=[{**embedded, "embedding": {**embedded["embedding"], **more}}]).tables[0].planned()
        for more in ({}, texts)
    )
    history = MappingHistory(None, "things", ({"writes": json.dumps(_writes(before))},))
    assert history.with_retired(now).retired.properties == ("embedding",)
    assert history.with_retired(before).retired.properties == ()


def test_a_relationships_lost_properties_are_its_own():
    """Those of another relationship, of the same name, stay."""

    def related(**names):
        kinds = {"IN": END, "AT": END}
        held = [
            {"type": kind, "end": end, "properties": [{"column": name} for name in names[kind]]}
            for kind, end in kinds.items()
        ]
        return MappingModel(tables=[{**THING, "relationships": held}]).tables[0].planned()

    history = MappingHistory(None, "things", ({"writes": json.dumps(_writes(related(IN=["a", "b"], AT=["a"])))},))
    found = history.with_retired(related(IN=["b"], AT=["a", "c"])).relationships
    assert [(each.type, each.absent) for each in found] == [("IN", ("a",)), ("AT", ())]
