"""Taking away what the loader wrote, and nothing else: rows that are gone, nodes that nothing points at, a mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.cypher.common import HIDDEN, alone, matching
from delta_neo4j.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.plan import Edge, Property, Table

_OURS = "any(token IN $tokens WHERE {0}._dn_version STARTS WITH token)"


def known_names(table: Table) -> list[str]:
    """Give every property that the loader itself puts on a row's node and on the nodes of its texts and pieces."""
    names = [p.name for p in (*table.key, *table.properties)]
    if table.embedding:
        names += [table.embedding.property, "text_id", "chunk_id", "index", "text"]
    return [*names, *table.retired.properties, *HIDDEN]


def known_labels(table: Table) -> list[str]:
    """Give every label that the loader itself puts on those nodes."""
    holder = table.embedding.holder if table.embedding else None
    return [*table.labels, *table.retired.labels, *([holder.label] if holder else [])]


def delete_rows(table: Table) -> str:
    """
    Build the removal of the nodes (or of an edge list's edges) of rows.

    Parameters: `$owner`, those of `alone`, `$rows` of {k0…, i: row number}. A node on which others put something stays
    with its key and theirs; what a row put there goes. Returns the row numbers found (deleted).
    """
    if table.edge:
        return f"""UNWIND $rows AS row
MATCH {_edge(table.edge, "row")}
DELETE e
RETURN collect(DISTINCT row.i) AS deleted"""
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}}) WHERE n._dn_version IS NOT NULL
WITH {_taken_apart(table, "row.i")}
{_removal(table)}
RETURN [one IN apart | one.i] AS deleted"""


def clear_rows(table: Table) -> str:
    """
    Build one batch of the removal of all that a table's rows put into the graph.

    Parameters: `$owner`, those of `alone`, `$tokens`: the sources that the rows came from, `$most`: nodes or edges at a
    time. Returns how many it removed (rows); none when all are gone.
    """
    if table.edge:
        return f"""MATCH {_edge(table.edge, None)} WHERE {_OURS.format("e")}
WITH e LIMIT $most
DELETE e
RETURN count(*) AS rows"""
    return f"""MATCH (n:{quoted(table.labels[0])}) WHERE {_OURS.format("n")}
WITH n LIMIT $most
WITH {_taken_apart(table, "0")}
{_removal(table)}
RETURN size(apart) AS rows"""


def count_rows(table: Table) -> str:
    """Build the count of what `clear_rows` removes (rows), with its parameter `$tokens`."""
    if table.edge:
        return f"MATCH {_edge(table.edge, None)} WHERE {_OURS.format('e')} RETURN count(e) AS rows"
    return f"MATCH (n:{quoted(table.labels[0])}) WHERE {_OURS.format('n')} RETURN count(n) AS rows"


def sweep(label: str) -> str:
    """
    Build one batch of the removal of the loader's own nodes of no row of their own that nothing points at any more.

    Parameters: `$owner`, those of `alone`, `$most`. Returns how many it removed (rows).
    """
    return f"""MATCH (n:{quoted(label)})
WHERE n._dn_owner = $owner AND n._dn_version IS NULL AND NOT (n)--() AND {alone("n")}
WITH n LIMIT $most
DELETE n
RETURN count(*) AS rows"""


def _edge(edge: Edge, row: str | None) -> str:
    width = len(edge.start_key)
    start, end = (_ends(key, first, row) for key, first in ((edge.start_key, 0), (edge.end_key, width)))
    kind = f"[e:{quoted(edge.type)} {{_dn_owner: $owner}}]"
    return f"(:{quoted(edge.start_label)}{start})-{kind}->(:{quoted(edge.end_label)}{end})"


def _ends(key: tuple[Property, ...], first: int, row: str | None) -> str:
    if row is None:
        return ""
    return f" {{{', '.join(f'{quoted(p.name)}: {row}.k{i}' for i, p in enumerate(key, first))}}}"


def _taken_apart(table: Table, number: str) -> str:
    """
    Build what must be known of all nodes before the first goes (apart): is anything of others on it, edges, pieces.

    `others` are nodes of rows at the other end of its edges: what says that their edges stand is no longer true.
    """
    pieces = "[]"
    if table.chunks:
        kind, label = quoted(table.chunks.relationship), quoted(table.chunks.label)
        pieces = f"[(n)-[edge:{kind}]->(piece:{label}) WHERE edge._dn_owner = $owner AND {alone('piece')} | piece]"
    ours = "edge._dn_owner = $owner"
    return f"""collect({{
  node: n, i: {number}, alone: {alone("n")},
  edges: [(n)-[edge]-() WHERE {ours} | edge],
  others: [(n)-[edge]-(other) WHERE {ours} AND other._dn_rel_hash IS NOT NULL | other],
  pieces: {pieces}}}) AS apart"""


def _removal(table: Table) -> str:
    keys = {p.name for p in table.key}
    names = [name for name in dict.fromkeys(known_names(table)) if name not in keys and name != "_dn_owner"]
    labels = dict.fromkeys(label for label in (*table.labels, *table.retired.labels) if label != table.labels[0])
    stripped = ", ".join([f"kept.{quoted(name)}" for name in names] + [f"kept:{quoted(label)}" for label in labels])
    return f"""FOREACH (one IN apart | FOREACH (other IN one.others | REMOVE other._dn_rel_hash))
FOREACH (one IN apart | FOREACH (edge IN one.edges | DELETE edge))
FOREACH (one IN apart | FOREACH (piece IN one.pieces | DELETE piece))
FOREACH (kept IN [one IN apart WHERE NOT one.alone | one.node] |
  FOREACH (name IN [name IN keys(kept) WHERE any(map IN $maps WHERE name STARTS WITH map)] | SET kept[name] = null)
  REMOVE {stripped})
FOREACH (gone IN [one IN apart WHERE one.alone | one.node] | DELETE gone)"""
