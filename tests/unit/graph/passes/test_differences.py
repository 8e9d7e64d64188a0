"""Two documents of one key, and the differences between them."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.graph.passes.differences import FindDifferences

EDGE = ["MADE_BY", "->", "Maker", "[\"'M1'\"]", {}, None]
OTHER = ["MADE_BY", "->", "Maker", "[\"'M2'\"]", {}, None]


def found(expected, in_graph, optional=(), others=(), **hidden):
    """Give (kind, what, ends) of each difference."""
    whole = {"labels": ["Part"], "properties": {}, "vector": None, "edges": [], "hash": "h"}
    row = {"rel_hash": "r", "found_rel_hash": "r", "version": "v", "version_fits": True, **hidden}
    row |= {"key": "[1]", "others": json.dumps(list(others))}
    row |= {"expected": json.dumps({**whole, **expected}), "found": json.dumps({**whole, **in_graph})}
    return [(kind, what, ends) for kind, _, what, _, _, ends in FindDifferences(tuple(optional)).of(row)]


@pytest.mark.parametrize(
    ("expected", "in_graph", "difference"),
    [
        ({"properties": {"a": "1"}}, {"properties": {"a": "'1'"}}, ("different", "a")),
        ({"properties": {}}, {"properties": {"m.x": "1"}}, ("different", "m.x")),
        ({"labels": ["Part", "Thing"]}, {}, ("different", "label Thing")),
        ({"hash": "h"}, {"hash": None}, ("different", "_dn_hash")),
        ({"vector": True}, {"vector": False}, ("vector_missing", "vector")),
        ({"vector": "aa"}, {"vector": "bb"}, ("vector_different", "vector")),
        ({"edges": [EDGE]}, {"edges": []}, ("relationship_missing", "-[:MADE_BY]->(:Maker [\"'M1'\"])")),
        ({"edges": [EDGE]}, {"edges": [EDGE, EDGE]}, ("relationship_extra", "-[:MADE_BY]->(:Maker [\"'M1'\"])")),
        (
            {"edges": [EDGE]},
            {"edges": [[*EDGE[:4], {"x": "1"}, None]]},
            ("relationship_different", "-[:MADE_BY]->(:Maker [\"'M1'\"])"),
        ),
    ],
)
def test_each_difference_is_one_row(expected, in_graph, difference):
    """A property, label, hash, vector or relationship that differs is named once."""
    assert [each[:2] for each in found(expected, in_graph)] == [difference]


def test_equal_documents_have_no_difference():
    """The hash of relationships may be missing: the next load looks at them again."""
    assert found({"edges": [EDGE]}, {"edges": [EDGE]}, found_rel_hash=None) == []


@pytest.mark.parametrize(
    ("hidden", "what"), [({"found_rel_hash": "x"}, "_dn_rel_hash"), ({"version_fits": False}, "_dn_version")]
)
def test_hidden_properties_are_compared(hidden, what):
    """A hash of relationships or a version that no load wrote is a difference."""
    assert [each[1] for each in found({}, {}, **hidden)] == [what]


def test_a_relationship_that_somebody_else_made_stands_for_an_own_one():
    """The writer leaves it alone, unless the relationship has content of its own."""
    assert found({"edges": [EDGE, OTHER]}, {}, others=[EDGE, OTHER]) == []
    with_content = [*EDGE[:5], "hash"]
    assert [each[0] for each in found({"edges": [with_content]}, {}, others=[with_content])] == ["relationship_missing"]


def test_a_missing_relationship_names_its_end_where_the_mapping_does_not_make_it():
    """So that it is no difference if the end node is not there."""
    wide = ["MADE_BY", "->", "Maker", '["1","2","3"]', {}, None]
    assert [each[2] for each in found({"edges": [wide]}, {}, [("MADE_BY", "->", "Maker", 2)])] == [
        ["Maker", '["1","2"]']
    ]
    assert [each[2] for each in found({"edges": [wide]}, {}, [("MADE_BY", "<-", "Maker", 2)])] == [None]
