"""Deletes of what the loader wrote, and of nothing else: rows by key, all rows of a table, nodes without edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher import lost_edges
from delta_neo4j.graph.cypher.common import HIDDEN, alone, matching, own_edge
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delta_neo4j.mapping.leads import Lead
    from delta_neo4j.mapping.plan import Edge, Property, Table

_OURS = "any(token IN $tokens WHERE {0}._dn_version STARTS WITH token)"


def known_names(table: Table) -> list[str]:
    """Return the names of all properties that the loader writes on a row's node and on its text and chunk nodes."""
    names = [p.name for p in (*table.key, *table.properties)]
    if table.embedding:
        names += [table.embedding.property, "text_id", "chunk_id", "index", "text"]
    return [*names, *table.retired.properties, *HIDDEN]


def known_labels(table: Table) -> list[str]:
    """Return all labels that the loader writes on those nodes."""
    holder = table.embedding.holder if table.embedding else None
    return [*table.labels, *table.retired.labels, *([holder.label] if holder else [])]


def delete_rows(table: Table) -> str:
    """
    Build the delete of the nodes (or of an edge list's edges) of rows.

    Parameters: `$owner`, those of `alone`, `$rows` of {k0…, i: row number}. A node on which another writer added
    something stays with its key and those additions, and loses what the row wrote. Returns the row numbers of the nodes
    or edges found (deleted).
    """
    if table.edge:
        return _delete_edges(table.edge, "")
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}}) WHERE n._dn_version IS NOT NULL
WITH {_collected(table, "row.i")}
{_delete_clauses(table)}
RETURN [one IN apart | one.i] AS deleted"""


def delete_own_rows(table: Table, leads: Sequence[Lead] = (), *, listed: bool = False) -> str:
    """
    Build the delete of what rows wrote: their nodes with their own relationships, or the edges of an edge list.

    Parameters and results are those of `delete_rows`, and `$lost`. A node that relationships of other rows lead to
    stays with its key: those rows are not written again when the node comes back, so their relationships must stay.
    Those of the `leads` wait for it, so they go with the node. If `listed`, nodes and edges go only if they still have
    the version `row.v`.
    """
    if table.edge:
        return _delete_edges(table.edge, _of_version(table, "e", listed=listed))
    return delete_found(table, _own_node(table, listed=listed), leads)


def delete_found(table: Table, found: str, leads: Sequence[Lead] = ()) -> str:
    """Build `delete_own_rows` for the nodes `n` that the clause `found` finds for each `row`."""
    return f"""UNWIND $rows AS row
{found}
{_whether_it_goes(table, leads)}
WITH collect({{
  node: n, i: number, edges: own + {lost_edges.lists(leads)}, others: [], chunks: {_chunks(table)},
  alone: goes}}) AS apart
{_delete_clauses(table)}
RETURN [one IN apart | one.i] AS deleted"""


def list_lost(table: Table, leads: Sequence[Lead], number: int, *, listed: bool) -> str:
    """
    Build the list of the edges of one of the leads that `delete_own_rows` takes together with their end node.

    Parameters are those of `delete_own_rows`; `cypher.lost_edges.columns` names what it returns.
    """
    return f"""UNWIND $rows AS row
{_own_node(table, listed=listed)}
{_whether_it_goes(table, leads)} WHERE goes
{lost_edges.read(leads[number], number)}"""


def _whether_it_goes(table: Table, leads: Sequence[Lead]) -> str:
    return f"""WITH n, row.i AS number, {" + ".join(own_edges(table)) or "[]"} AS own
WITH n, number, own, {alone("n")} AND {lost_edges.no_other_edges(leads)} AS goes"""


def find_rows(table: Table) -> str:
    """Build the search for what `delete_own_rows` would delete, with its parameters and results."""
    if table.edge:
        return delete_own_rows(table).replace("\nDELETE e\n", "\n")
    return f"""UNWIND $rows AS row
{_own_node(table, listed=False)}
RETURN collect(DISTINCT row.i) AS deleted"""


def list_rows(table: Table) -> str:
    """
    Build the list of the nodes or edges that `count_rows` counts, with its parameter `$tokens`.

    Each record has the key's parts as texts (k0…), and the version (v).
    """
    if table.edge:
        edge = table.edge
        parts = [f"a.{quoted(p.name)}" for p in edge.start_key] + [f"b.{quoted(p.name)}" for p in edge.end_key]
        parts += [f"e.{quoted(p.name)}" for p in edge.key]
        kind = f"[e:{quoted(edge.type)} {{{own_edge(edge, None)}}}]"
        found = f"(a:{quoted(edge.start_label)})-{kind}->(b:{quoted(edge.end_label)}) WHERE {_OURS.format('e')}"
    else:
        parts = [f"n.{quoted(p.name)}" for p in table.key]
        found = f"(n:{quoted(table.labels[0])}) WHERE {_OURS.format('n')}"
    columns = ", ".join(f"toString({part}) AS k{i}" for i, part in enumerate(parts))
    return f"MATCH {found} RETURN {columns}, {'e' if table.edge else 'n'}._dn_version AS v"


def _delete_edges(edge: Edge, condition: str) -> str:
    return f"""UNWIND $rows AS row
MATCH {_edge(edge, "row")}{condition and f" WHERE {condition}"}
DELETE e
RETURN collect(DISTINCT row.i) AS deleted"""


def _own_node(table: Table, *, listed: bool) -> str:
    version = _of_version(table, "n", listed=listed)
    found = f"MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, 'k')}}}) WHERE n._dn_version IS NOT NULL"
    return f"{found}{version and f' AND {version}'}"


def _of_version(table: Table, variable: str, *, listed: bool) -> str:
    """Build the condition that no row with a higher sequence wrote a node or edge; empty without a sequence."""
    if listed:
        return f"{variable}._dn_version = row.v"
    if not table.sequence_by:
        return ""
    return f"NOT ({variable}._dn_version STARTS WITH $source AND {variable}._dn_version > row.v)"


def count_up_to(table: Table) -> str:
    """Build the count of a table's own nodes or edges (rows) up to `$most`, with the parameter `$tokens`."""
    counted = "e" if table.edge else "n"
    return count_rows(table).replace(f" RETURN count({counted})", f" WITH {counted} LIMIT $most RETURN count(*)")


def own_edges(table: Table) -> list[str]:
    """Build the lists of the own relationships of a row's node `n`: those of its types, and those to its chunks."""
    lists = []
    for each in table.relationships:
        arrows = ("<-", "-") if each.incoming else ("-", "->")
        # An edge list's relationships have a version.
        listed = " AND edge._dn_version IS NULL" if each.type in table.listed_types else ""
        pattern = f"(n){arrows[0]}[edge:{quoted(each.type)}]{arrows[1]}(:{quoted(each.end_label)})"
        lists.append(f"[{pattern} WHERE edge._dn_owner = $owner{listed} | edge]")
    if table.chunks:
        pattern = f"(n)-[edge:{quoted(table.chunks.relationship)}]->(:{quoted(table.chunks.label)})"
        lists.append(f"[{pattern} WHERE edge._dn_owner = $owner | edge]")
    return lists


def _chunks(table: Table) -> str:
    if table.chunks is None:
        return "[]"
    kind, label = quoted(table.chunks.relationship), quoted(table.chunks.label)
    return f"[(n)-[edge:{kind}]->(chunk:{label}) WHERE edge._dn_owner = $owner AND {alone('chunk')} | chunk]"


def clear_rows(table: Table) -> str:
    """
    Build one batch of the delete of everything that a table's rows wrote.

    Parameters: `$owner`, those of `alone`, `$tokens`: source tokens of the rows, `$most`: number of nodes or edges per
    batch. Returns how many it deleted (rows), 0 after the last batch.
    """
    if table.edge:
        return f"""MATCH {_edge(table.edge, None)} WHERE {_OURS.format("e")}
WITH e LIMIT $most
DELETE e
RETURN count(*) AS rows"""
    return f"""MATCH (n:{quoted(table.labels[0])}) WHERE {_OURS.format("n")}
WITH n LIMIT $most
WITH {_collected(table, "0")}
{_delete_clauses(table)}
RETURN size(apart) AS rows"""


def count_rows(table: Table) -> str:
    """Build the count of the nodes or edges that `clear_rows` deletes (rows), with its parameter `$tokens`."""
    if table.edge:
        return f"MATCH {_edge(table.edge, None)} WHERE {_OURS.format('e')} RETURN count(e) AS rows"
    return f"MATCH (n:{quoted(table.labels[0])}) WHERE {_OURS.format('n')} RETURN count(n) AS rows"


def sweep(label: str) -> str:
    """
    Build one batch of the delete of nodes that the loader created, that have no edge and that are no row's own node.

    Parameters: `$owner`, those of `alone`, `$most`. Returns how many it deleted (rows).
    """
    return f"""MATCH (n:{quoted(label)})
WHERE n._dn_owner = $owner AND n._dn_version IS NULL AND NOT (n)--() AND {alone("n")}
WITH n LIMIT $most
DELETE n
RETURN count(*) AS rows"""


def _edge(edge: Edge, row: str | None) -> str:
    width = len(edge.start_key)
    start, end = (_ends(key, first, row) for key, first in ((edge.start_key, 0), (edge.end_key, width)))
    kind = f"[e:{quoted(edge.type)} {{{own_edge(edge, row)}}}]"
    return f"(:{quoted(edge.start_label)}{start})-{kind}->(:{quoted(edge.end_label)}{end})"


def _ends(key: tuple[Property, ...], first: int, row: str | None) -> str:
    if row is None:
        return ""
    return f" {{{', '.join(f'{quoted(p.name)}: {row}.k{i}' for i, p in enumerate(key, first))}}}"


def _collected(table: Table, number: str) -> str:
    """
    Build the list of nodes to delete (`apart`), which is complete before the first delete changes the graph.

    For each node: whether it is `alone`, its edges and chunks, and `others`: rows' nodes at the other end of its edges.
    Their `_dn_rel_hash` is removed, because their edges are no longer complete.
    """
    ours = "edge._dn_owner = $owner"
    return f"""collect({{
  node: n, i: {number}, alone: {alone("n")},
  edges: [(n)-[edge]-() WHERE {ours} | edge],
  others: [(n)-[edge]-(other) WHERE {ours} AND other._dn_rel_hash IS NOT NULL | other],
  chunks: {_chunks(table)}}}) AS apart"""


def _delete_clauses(table: Table) -> str:
    keys = {p.name for p in table.key}
    names = [name for name in dict.fromkeys(known_names(table)) if name not in keys and name != "_dn_owner"]
    labels = dict.fromkeys(label for label in (*table.labels, *table.retired.labels) if label != table.labels[0])
    stripped = ", ".join([f"kept.{quoted(name)}" for name in names] + [f"kept:{quoted(label)}" for label in labels])
    return f"""FOREACH (one IN apart | FOREACH (other IN one.others | REMOVE other._dn_rel_hash))
FOREACH (one IN apart | FOREACH (edge IN one.edges | DELETE edge))
FOREACH (one IN apart | FOREACH (chunk IN one.chunks | DELETE chunk))
FOREACH (kept IN [one IN apart WHERE NOT one.alone | one.node] |
  FOREACH (name IN [name IN keys(kept) WHERE any(map IN $maps WHERE name STARTS WITH map)] | SET kept[name] = null)
  REMOVE {stripped})
FOREACH (gone IN [one IN apart WHERE one.alone | one.node] | DELETE gone)"""
