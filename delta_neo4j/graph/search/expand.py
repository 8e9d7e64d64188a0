"""The nodes around the rows that a search found, by the relationships of the mapping."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher import search as statements
from delta_neo4j.graph.search.hits import Hit, Neighbour, native, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.graph.search.opened import OpenedGraph
    from delta_neo4j.mapping.plan import Mapping, Table

MOST_NEIGHBOURS = 25  # nodes of one kind of relationship that are shown around a row

Edge = tuple[str, bool, str, tuple[str, ...]]  # type, whether it comes from the other node, that node's label and key


def expanded(graph: OpenedGraph, mapping: Mapping, hits: list[Hit]) -> list[Hit]:
    """Return the hits with the nodes around each, at most 25 for a kind of relationship, in the order of their keys."""
    around: list[list[Neighbour]] = [[] for _ in hits]
    table = graph.table
    vectors = sorted({each.embedding.property for each in mapping.tables if each.embedding})
    key, keys = tuple(p.name for p in table.key), [list(hit.key) for hit in hits]
    for edge in dict.fromkeys(edges(mapping, table)):
        statement = statements.neighbours(table.labels[0], key, edge, vectors)
        for record in graph.run(statement, keys=keys, most=MOST_NEIGHBOURS) if hits else ():
            neighbour = Neighbour(
                relationship=edge[0],
                direction="in" if edge[1] else "out",
                labels=tuple(sorted(record["labels"])),
                key=tuple(map(native, record["key"])),
                properties=visible(record["properties"], vectors),
            )
            around[record["row"]].append(neighbour)
    return [replace(hit, neighbours=tuple(found)) for hit, found in zip(hits, around, strict=True)]


def edges(mapping: Mapping, table: Table) -> Iterator[Edge]:
    """Yield each kind of relationship between a table's rows and other nodes, wherever the mapping describes it."""
    own = table.labels
    for each in mapping.tables:
        for one in each.relationships:
            end_key = tuple(p.name for p in one.end_key)
            if one.of_text:
                continue
            if each.labels[0] == own[0]:
                yield one.type, one.incoming, one.end_label, end_key
            if one.end_label in own:
                yield one.type, not one.incoming, each.labels[0], tuple(p.name for p in each.key)
        if edge := each.edge:
            if edge.start_label in own:
                yield edge.type, False, edge.end_label, tuple(p.name for p in edge.end_key)
            if edge.end_label in own:
                yield edge.type, True, edge.start_label, tuple(p.name for p in edge.start_key)
