"""Reciprocal rank fusion, checked by hand."""

from __future__ import annotations

import pytest

from delta_neo4j.graph.search.hits import Hit
from delta_neo4j.graph.search.hybrid import fused


def _hits(*keys):
    return [Hit((key,), ("L",), 0.5, {}) for key in keys]


def test_two_lists_become_one_by_their_ranks():
    """
    The worked example of docs/search.md: vector finds A, B, C; text finds B, D.

    B: 1/62 + 1/61, A: 1/61, D: 1/62, C: 1/63; each divided by 2/61, the sum of a hit that is first in both lists.
    """
    hits = fused([_hits("A", "B", "C"), _hits("B", "D")], 4)
    assert [hit.key[0] for hit in hits] == ["B", "A", "D", "C"]
    assert [hit.score for hit in hits] == pytest.approx([0.991935, 0.5, 0.491935, 0.484127], abs=1e-6)


def test_the_first_of_both_lists_has_the_score_one_and_equal_scores_stand_by_key():
    """A score is from 0 to 1; which list a hit comes from does not matter."""
    assert fused([_hits("A"), _hits("A")], 3)[0].score == pytest.approx(1.0)
    assert [hit.key[0] for hit in fused([_hits("B", "D"), _hits("A", "C")], 3)] == ["A", "B", "C"]
