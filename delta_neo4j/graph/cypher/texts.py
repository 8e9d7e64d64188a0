"""The statements that upsert text nodes and chunks, with their vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import alone, matching
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Chunks, Table, TextNodes


def upsert_texts(nodes: TextNodes, vector: str) -> str:
    """
    Build the upsert of one node for each distinct text.

    Parameters: `$owner`, `$rows` of {k0: text id, t: the text, e: its vector, h: hash of model id and vector property}.
    Returns the number of rows (seen).
    """
    return f"""UNWIND $rows AS row
MERGE (t:{quoted(nodes.label)} {{text_id: row.k0}})
ON CREATE SET t._dn_owner = $owner
FOREACH (_ IN CASE WHEN t._dn_hash = row.h THEN [] ELSE [1] END |
  SET t.text = row.t, t.{quoted(vector)} = row.e, t._dn_hash = row.h)
RETURN count(*) AS seen"""


def upsert_chunks(table: Table, chunks: Chunks, vector: str) -> str:
    """
    Build the upsert of the chunks of rows' texts and the delete of chunks that a text no longer has: a row's last pass.

    Parameters: `$owner`, `$stamp`, those of `alone` for a chunk, `$rows` of {k0…, v, h, r, c: chunks in order, each
    {id, i, t, e}}. A chunk on which another writer added something stays, without text and vector. Returns the number
    of rows, and of chunks written, unchanged and removed.
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
FOREACH (chunk IN CASE WHEN settled THEN [] ELSE row.c END |
  MERGE (c:{label} {{chunk_id: chunk.id}}) ON CREATE SET c._dn_owner = $owner
  SET c.index = chunk.i, c.text = chunk.t, c.{quoted(vector)} = chunk.e
  MERGE (n)-[edge:{kind}]->(c) ON CREATE SET edge._dn_owner = $owner)
FOREACH (_ IN CASE WHEN settled THEN [] ELSE [1] END | SET n._dn_rel_hash = CASE WHEN $stamp THEN row.r END)
RETURN count(*) AS rows, sum(CASE WHEN settled THEN 0 ELSE size(row.c) END) AS written,
  sum(CASE WHEN settled THEN size(row.c) ELSE 0 END) AS unchanged, sum(size(stale)) AS removed"""
