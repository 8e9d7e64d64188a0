"""The statement that upserts the nodes of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import matching, moved, temporals, versioned
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Table


def upsert_nodes(table: Table) -> str:
    """
    Build the upsert of nodes; a row with an older version than its node changes nothing.

    Parameters: `$owner`, `$source`, `$maps` (prefixes of flattened maps), `$vectors`, `$rows` of {k0…: key, p: plain
    properties, s0…, n0…: seconds and nanoseconds of the temporal properties, e: the place of its vector in `$vectors`,
    v: version, h: content hash, w: 1 without a vector, x: 1 with a truncated text (null: unknown), e0…: how many edges
    the row has of that type}. Versions are compared only if they have the same source token. Returns (outcome, rows,
    without_text, truncated, length_unknown, e0…) with
    outcomes written, unchanged, superseded.
    """
    labels = "".join(f":{quoted(label)}" for label in table.labels[1:])
    vector = f", n.{quoted(table.vector_on_row.property)} = $vectors[row.e]" if table.vector_on_row else ""
    values = vector + temporals(table.properties, "n") + (f", n{labels}" if labels else "")
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
    """Build the removal of retired properties and labels from nodes of the loader, and of a flattened map's keys."""
    text = ""
    if table.retired.maps or any(p.type == "map" for p in table.properties):
        # Only the node has the keys that the row's map had before.
        text += """FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |
  FOREACH (name IN [name IN keys(n) WHERE any(map IN $maps WHERE name STARTS WITH map)] | SET n[name] = null))
"""
    retired = [f"n.{quoted(name)}" for name in table.retired.properties]
    retired += [f"n:{quoted(label)}" for label in table.retired.labels]
    if retired:
        text += f"""FOREACH (_ IN CASE WHEN outcome = 'written' AND n._dn_owner = $owner THEN [1] ELSE [] END |
  REMOVE {", ".join(retired)})
"""
    return text
