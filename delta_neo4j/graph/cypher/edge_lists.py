"""The statement that upserts the rows of an edge list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import matching, moved, own_edge, temporals, versioned
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Table


def merge_edges(table: Table) -> str:
    """
    Build the upsert of an edge list's rows; a row with an older version than its edge changes nothing.

    Parameters: `$owner`, `$source`, `$rows` of {k0…: keys of start, end and relationship, p: plain properties, s0…,
    n0…: temporal ones, v, h, i: row number}. Returns (outcome, rows: row numbers, parallel: rows that replaced other
    content) with outcomes written, unchanged, superseded. If `on_missing` is not merge, a row whose start or end node
    is missing has no outcome.
    """
    edge = table.edge
    if edge is None:
        raise ValueError(f"table {table.name} is no edge list")
    width = len(edge.start_key)
    start = f"(a:{quoted(edge.start_label)} {{{matching(edge.start_key, 'k')}}})"
    parts = ", ".join(f"{quoted(p.name)}: row.k{i}" for i, p in enumerate(edge.end_key, width))
    end = f"(b:{quoted(edge.end_label)} {{{parts}}})"
    if edge.on_missing == "merge":
        nodes = "\n".join(f"MERGE {node} ON CREATE SET {node[1]}._dn_owner = $owner" for node in (start, end))
    else:
        nodes = f"MATCH {start}\nMATCH {end}"
    return f"""UNWIND $rows AS row
{nodes}
MERGE (a)-[e:{quoted(edge.type)} {{{own_edge(edge, "row")}}}]->(b)
WITH e, row, coalesce(e._dn_hash <> row.h, false) AS held, {versioned("e")}
FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |
  SET e += row.p{temporals(table.properties, "e")}, e._dn_hash = row.h, e._dn_version = row.v)
{moved("e")}
RETURN outcome, collect(row.i) AS rows, sum(CASE WHEN held AND outcome = 'written' THEN 1 ELSE 0 END) AS parallel"""
