"""The statement that finds the rows of a table that the graph has unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import matching
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Table


def keep_unchanged(table: Table) -> str:
    """
    Build the look-up of rows whose node and edges are unchanged; it updates their version and nothing else.

    Parameters: `$source`, `$rows` of {k0…, v, h, r: hash of the row's edges, i: row number}. Returns one record with
    the numbers of the unchanged rows (same). The hash of edges is compared only if the table has relationships.
    """
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}})
WHERE n._dn_hash = row.h{" AND n._dn_rel_hash = row.r" if table.edge_types else ""}
  AND NOT (n._dn_version STARTS WITH $source AND n._dn_version > row.v)
FOREACH (_ IN CASE WHEN n._dn_version = row.v THEN [] ELSE [1] END | SET n._dn_version = row.v)
RETURN collect(row.i) AS same"""
