"""Vector search: the rows whose vectors are nearest to a vector, ranked by exact similarity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from delta_neo4j.errors import SettingsError
from delta_neo4j.graph.bolt.unshown import Unshown
from delta_neo4j.graph.cypher import search as statements
from delta_neo4j.graph.search.hits import Hit, hits_of

if TYPE_CHECKING:
    from delta_neo4j.embedding.base import Vector
    from delta_neo4j.graph.search.filters import Condition
    from delta_neo4j.graph.search.opened import OpenedGraph
    from delta_neo4j.mapping.plan import Embedding

# The index is approximate. How many candidates it needs depends on its segments: after a load it has dozens, and each
# gives its own best; after the next write it has the few into which Lucene has merged them, and finds less with the
# same number. With so many it finds 0.99 of the ten nearest among 100,000 rows in both states (benchmarks.search).
CANDIDATES, CANDIDATES_2026 = 600, 100
A_HIT = 10  # candidates more for each row that is wanted
RANKED = 2  # times the wanted rows: candidates whose exact similarity is computed, which reads their vectors
EXACT_ROWS = 10_000  # conditions that leave at most so many rows: every vector is compared, on every server
MOST_ASKED = 20_000  # candidates that one query asks of the index; if they are too few, every vector is compared
IN_SINCE = (2026, 6)  # Neo4j filters a vector index with IN from this version on, with = < <= > >= from 2026.01 on


def nearest(graph: OpenedGraph, vector: Vector, limit: int, conditions: tuple[Condition, ...] = ()) -> list[Hit]:
    """
    Return the `limit` rows nearest to `vector`, shape (dimension,), best first; scores are similarities from 0 to 1.

    Raises `PreflightError` if there is no fitting vector index, `SettingsError` if the table has no embedding.
    """
    embedding, index = graph.embedding, graph.vector_index
    named = tuple((each.name, each.operator) for each in conditions)
    values = {f"c{number}": each.value for number, each in enumerate(conditions)}
    parameters = {**values, "vector": Unshown(vector.tolist()), "limit": limit, "ranked": RANKED * limit}
    few = bool(conditions) and _at_most(graph, EXACT_ROWS, named, values)
    searched = _searched(graph, embedding, index, conditions)
    asked, wanted = candidates(graph, limit), A_HIT * limit
    largest = max(MOST_ASKED, asked)
    while not few and asked < graph.vector_nodes:
        records = graph.run(searched, index=index["name"], asked=asked, **parameters)
        found = records[0]["found"] if records else 0
        if found >= wanted or not (conditions or embedding.holder):
            return hits_of(graph.table, records)
        if asked == largest:
            break
        # Of a row's vectors one counts, and conditions drop rows: ask for as many as should leave enough.
        asked = min(largest, int(asked * max(4.0, 1.5 * wanted / max(found, 1))))
    return hits_of(graph.table, graph.run(statements.compare_all(graph.table, embedding, named), **parameters))


def candidates(graph: OpenedGraph, limit: int) -> int:
    """Return the number of candidates that the index of this server is asked for, to find `limit` rows."""
    return A_HIT * limit + (CANDIDATES if graph.version < (2026,) else CANDIDATES_2026)


def vector_of(graph: OpenedGraph, key: tuple[Any, ...]) -> Vector:
    """
    Return the vector of the row with this key, shape (dimension,); of a row with chunks, the mean of their vectors.

    Raises `SettingsError` if the graph has no such row, or the row has no vector.
    """
    embedding, shown = graph.embedding, ", ".join(map(str, key))
    records = graph.run(statements.vectors_of(graph.table, embedding), key=list(key))
    if not records:
        raise SettingsError(f"the graph has no {graph.table.labels[0]} with the key {shown}")
    vectors = [record["vector"] for record in records if record["vector"] is not None]
    if not vectors:
        raise SettingsError(f"{graph.table.labels[0]} {shown} has no vector to compare with")
    mean: Vector = np.mean(np.array(vectors, dtype=np.float32), axis=0)
    return mean


def _at_most(graph: OpenedGraph, rows: int, named: statements.Conditions, values: dict[str, Any]) -> bool:
    """Return whether at most so many rows fulfil the conditions."""
    counted = graph.run(statements.fulfilling(graph.table, named), most=rows + 1, **values)
    return int(counted[0]["nodes"]) <= rows


def _searched(
    graph: OpenedGraph, embedding: Embedding, index: dict[str, Any], conditions: tuple[Condition, ...]
) -> str:
    named = tuple((each.name, each.operator) for each in conditions)
    inside = inside_index(conditions, set(index["properties"][1:]), graph.version) if embedding.holder is None else ()
    if inside:
        return statements.nearest_inside(graph.table, embedding, index["name"], inside, named)
    return statements.nearest(graph.table, embedding, named)


def inside_index(conditions: tuple[Condition, ...], filterable: set[str], version: tuple[int, ...]) -> tuple[int, ...]:
    """
    Return the places of the conditions that the vector index can apply; an older index has no `filterable` property.

    It takes for each property one condition, or one lower and one upper bound; and `in` only from Neo4j 2026.06 on.
    """
    taken: dict[str, set[str]] = {}
    inside = []
    for place, each in enumerate(conditions):
        kind = each.operator[0]
        held = taken.setdefault(each.name, set())
        is_bound = kind in "<>" and held <= {"<", ">"} - {kind}
        applies = each.operator != "!=" and (each.operator != "in" or version >= IN_SINCE)
        if each.name in filterable and applies and (not held or is_bound):
            held.add(kind)
            inside.append(place)
    return tuple(inside)
