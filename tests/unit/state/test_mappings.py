"""What a table's earlier mappings wrote and this one does not, unless another table of the mapping writes it now."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.source.delta import source_token
from delta_neo4j.state.mappings import FRAME, MappingHistory, _writes

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


def test_a_rows_relationship_that_moves_to_a_list_with_a_key_goes():
    """The list finds its relationships by their key, which the rows' own ones do not have."""
    listed = {**LISTED, "key": [{"column": "since"}]}
    assert _retired({"name": "o", "source": "o", "relationship": listed}) == (("size",), ["IN"])


@pytest.mark.parametrize(
    ("before", "now", "is_other"),
    [
        ([], [], False),
        ([], ["since"], True),
        (["since"], [], True),
        (["since"], ["until"], True),
        (["since"],) * 2 + (False,),
    ],
)
def test_a_list_knows_when_its_last_load_had_another_key(before, now, is_other):
    """A record of another graph, or of a time when the table was one of nodes, says nothing."""

    def listed(names):
        edge = {**LISTED, "key": [{"column": name} for name in names]}
        return MappingModel(tables=[{"name": "o", "source": "o", "relationship": edge}]).tables[0].planned()

    record = {"writes": json.dumps(_writes(listed(before))), "database_id": "here"}
    history = MappingHistory(None, "o", (record,))
    assert history.has_other_key(listed(now), "here") == is_other
    assert not history.has_other_key(listed(now), "elsewhere")
    of_nodes = {"writes": json.dumps(BEFORE), "database_id": "here"}
    assert not MappingHistory(None, "o", (of_nodes,)).has_other_key(listed(now), "here")


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


def test_a_sweep_owns_the_rows_of_one_source_whatever_its_id_and_mode():
    """Records of an older release have no source: theirs is this one if the table had the same id."""
    sources = {
        ("1", "append"): "a", ("2", "snapshot"): "a", ("3", "append"): "b", (f"{FRAME}t", "append"): "a",
        ("1", "cdf"): None, ("4", "append"): None,
    }  # fmt: skip
    records = [
        {"table_id": table_id, "source_mode": mode, "source": source} for (table_id, mode), source in sources.items()
    ]
    history = MappingHistory(None, "t", tuple(records))
    own = [("1", "append"), ("2", "snapshot"), ("1", "cdf")]
    assert history.own_tokens("a", "1") == [f"{source_token('t', *each)}:" for each in own]
    assert history.is_of_older_release(None)
    assert not replace(history, records=history.records[:4]).is_of_older_release(None)
