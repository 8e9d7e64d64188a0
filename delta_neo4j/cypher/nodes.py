"""Nodes: the guarded upsert, the look-up of unchanged ones, and the nodes that hold vectors of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.cypher.common import alone, matching, moved, temporals, versioned
from delta_neo4j.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.plan import Chunks, Table, TextNodes


def upsert_nodes(table: Table) -> str:
    """
    Build the guarded MERGE of nodes.

    Parameters: `$owner`, `$source`, `$maps` (prefixes of flattened maps), `$rows` of {k0…: key, p: plain properties,
    s0…, n0…: seconds and nanoseconds of the temporal properties, v: version, h: content hash, w: 1 without a vector,
    x: 1 with a truncated text (null: unknown), e0…: how many edges the row has of that type}. A row applies when its
    version is not lower than the node's, or the node's is of another source. Returns (outcome, rows, without_text,
    truncated, length_unknown, e0…) with outcomes written, unchanged, superseded.
    """
    labels = "".join(f":{quoted(label)}" for label in table.labels[1:])
    values = temporals(table.properties, "n") + (f", n{labels}" if labels else "")
    edges = "".join(f", sum(row.e{i}) AS e{i}" for i in range(len(table.edge_types)))
    return f"""UNWIND $rows AS row
MERGE (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}})
ON CREATE SET n._dn_owner = $owner
WITH n, row, {versioned("n")}
{_retire(table)}FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |
  SET n._dn_hash = row.h, n._dn_version = row.v, n += row.p{values})
{moved("n")}
RETURN outcome, count(*) AS rows, sum(row.w) AS without_text,
  sum(row.x) AS truncated, count(*) - count(row.x) AS length_unknown{edges}"""


def _retire(table: Table) -> str:
    """Build the removal of what earlier mappings wrote on the loader's own nodes, and of a flattened map's keys."""
    text = ""
    if table.retired.maps or any(p.type == "map" for p in table.properties):
        # Which keys a map had before is known to the node alone.
        text += """FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |
  FOREACH (name IN [name IN keys(n) WHERE any(map IN $maps WHERE name STARTS WITH map)] | SET n[name] = null))
"""
    gone = [f"n.{quoted(name)}" for name in table.retired.properties]
    gone += [f"n:{quoted(label)}" for label in table.retired.labels]
    if gone:
        text += f"""FOREACH (_ IN CASE WHEN outcome = 'written' AND n._dn_owner = $owner THEN [1] ELSE [] END |
  REMOVE {", ".join(gone)})
"""
    return text


def keep_unchanged(table: Table) -> str:
    """
    Build the look-up of rows that the graph has whole, node and edges; it moves their version and nothing else.

    Parameters: `$source`, `$rows` of {k0…, v, h, r: hash of the row's edges, i: row number}. Returns one record, the
    row numbers found (same). Where rows have no edges nothing stamps a hash of them.
    """
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}})
WHERE n._dn_hash = row.h{" AND n._dn_rel_hash = row.r" if table.edge_types else ""}
  AND NOT (n._dn_version STARTS WITH $source AND n._dn_version > row.v)
FOREACH (_ IN CASE WHEN n._dn_version = row.v THEN [] ELSE [1] END | SET n._dn_version = row.v)
RETURN collect(row.i) AS same"""


def upsert_texts(nodes: TextNodes, vector: str) -> str:
    """
    Build the upsert of one node a distinct text.

    Parameters: `$owner`, `$rows` of {k0: text id, t: the text, e: its vector, h: hash of what both depend on}. Returns
    how many rows it saw (seen).
    """
    return f"""UNWIND $rows AS row
MERGE (t:{quoted(nodes.label)} {{text_id: row.k0}})
ON CREATE SET t._dn_owner = $owner
FOREACH (_ IN CASE WHEN t._dn_hash = row.h THEN [] ELSE [1] END |
  SET t.text = row.t, t.{quoted(vector)} = row.e, t._dn_hash = row.h)
RETURN count(*) AS seen"""


def upsert_chunks(table: Table, chunks: Chunks, vector: str) -> str:
    """
    Build the pass that gives rows the pieces of their text and takes away those that are no more: a row's last pass.

    Parameters: `$owner`, `$stamp`, those of `alone` for a piece, `$rows` of {k0…, v, h, r, c: pieces in order, each
    {id, i, t, e}}. A piece on which others hung something stays, without text and vector. Returns (rows, written,
    unchanged, removed), all but the first as pieces.
    """
    kind, label = quoted(chunks.relationship), quoted(chunks.label)
    stripped = ", ".join(f"old.{quoted(name)}" for name in ("index", "text", vector))
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}})
WHERE n._dn_version = row.v AND n._dn_hash = row.h
WITH n, row, coalesce(n._dn_rel_hash = row.r, false) AS settled
WITH n, row, settled, CASE WHEN settled THEN [] ELSE
  [(n)-[edge:{kind}]->(old:{label}) WHERE edge._dn_owner = $owner AND old.index >= size(row.c) |
    {{node: old, edge: edge, alone: {alone("old")}}}] END AS stale
FOREACH (one IN stale | DELETE one.edge)
FOREACH (old IN [one IN stale WHERE one.alone | one.node] | DELETE old)
FOREACH (old IN [one IN stale WHERE NOT one.alone | one.node] | REMOVE {stripped})
FOREACH (piece IN CASE WHEN settled THEN [] ELSE row.c END |
  MERGE (c:{label} {{chunk_id: piece.id}}) ON CREATE SET c._dn_owner = $owner
  SET c.index = piece.i, c.text = piece.t, c.{quoted(vector)} = piece.e
  MERGE (n)-[edge:{kind}]->(c) ON CREATE SET edge._dn_owner = $owner)
FOREACH (_ IN CASE WHEN settled THEN [] ELSE [1] END | SET n._dn_rel_hash = CASE WHEN $stamp THEN row.r END)
RETURN count(*) AS rows, sum(CASE WHEN settled THEN 0 ELSE size(row.c) END) AS written,
  sum(CASE WHEN settled THEN size(row.c) ELSE 0 END) AS unchanged, sum(size(stale)) AS removed"""
