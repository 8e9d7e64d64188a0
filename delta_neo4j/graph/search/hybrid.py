"""Hybrid search: the lists of several searches in one, by reciprocal rank fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delta_neo4j.graph.search.hits import Hit

RANK_CONSTANT = 60  # of Cormack, Clarke and Büttcher, "Reciprocal rank fusion", SIGIR 2009


def fused(lists: list[list[Hit]], limit: int) -> list[Hit]:
    """
    Return the best `limit` hits of several lists, best first.

    A hit's score is the sum of 1 / (60 + rank) over the lists that have it (ranks count from 1), divided by the sum of
    a hit that is first in every list: from 0 to 1. Hits of one score stand in the order of their keys.
    """
    best = len(lists) / (RANK_CONSTANT + 1)
    sums: dict[tuple[Any, ...], float] = {}
    hits: dict[tuple[Any, ...], Hit] = {}
    for ranked in lists:
        for rank, hit in enumerate(ranked, 1):
            sums[hit.key] = sums.get(hit.key, 0.0) + 1 / (RANK_CONSTANT + rank)
            hits.setdefault(hit.key, hit)
    order = sorted(hits, key=lambda key: (-sums[key], tuple(map(str, key))))
    return [hits[key].scored(sums[key] / best) for key in order[:limit]]
