"""The statements of a repair: they make a row's next write complete, and delete what no row has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import alone, matching
from delta_neo4j.graph.cypher.deletes import delete_found, delete_rows, own_edges
from delta_neo4j.graph.cypher.scan import turned_edges
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.graph.cypher.scan import Ways
    from delta_neo4j.mapping.plan import Chunks, Table


def forget_rows(table: Table, ways: Ways) -> str:
    """
    Build the removal of the hashes and the own relationships of rows, so that the next passes write all of them.

    Parameters: `$owner`, `$rows` of {k0…, v: version, i: row number}. Also deletes the loader's own relationships of
    the same types that no `ways` of the mapping has. Returns the row numbers of the nodes or edges found (deleted).
    """
    if table.edge:
        return delete_rows(table)
    listed = [*own_edges(table), turned_edges(table, ways, "e")]
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, "k")}}})
WITH n, row, {" + ".join(listed)} AS own
FOREACH (edge IN own | DELETE edge)
SET n._dn_version = row.v REMOVE n._dn_hash, n._dn_rel_hash
RETURN collect(row.i) AS deleted"""


def forget_texts(label: str) -> str:
    """Build the removal of text nodes' hashes; parameters and results are those of `forget_rows`, k0 is the text id."""
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(label)} {{text_id: row.k0}})
REMOVE n._dn_hash
RETURN collect(row.i) AS deleted"""


def delete_chunks(chunks: Chunks, vector: str) -> str:
    """
    Build the delete of relationships to chunks by element id (k0), each with its chunk if no other row leads to that.

    Parameters: `$rows`, `$owner`, those of `alone`. A chunk on which another writer added something stays, without
    text and vector. Returns the row numbers of the relationships found (deleted).
    """
    stripped = ", ".join(f"c.{quoted(name)}" for name in ("index", "text", vector))
    kind = quoted(chunks.relationship)
    return f"""UNWIND $rows AS row
MATCH ()-[e:{kind}]->(c:{quoted(chunks.label)}) WHERE elementId(e) = row.k0
DELETE e
WITH c, collect(row.i) AS numbers
WITH c, numbers, {alone("c")} AS goes, EXISTS {{ ()-[:{kind}]->(c) }} AS shared
FOREACH (_ IN CASE WHEN goes AND NOT shared THEN [1] ELSE [] END | DELETE c)
FOREACH (_ IN CASE WHEN goes OR shared THEN [] ELSE [1] END | REMOVE {stripped})
RETURN reduce(found = [], each IN collect(numbers) | found + each) AS deleted"""


def delete_extra(table: Table) -> str:
    """
    Build the delete of nodes, or an edge list's edges, by element id (k0) and version (v).

    Parameters and results are those of `cypher.deletes.delete_own_rows`. One that has another version by now stays.
    """
    if table.edge:
        return f"""UNWIND $rows AS row
MATCH ()-[e:{quoted(table.edge.type)}]-() WHERE elementId(e) = row.k0 AND e._dn_version = row.v
DELETE e
RETURN collect(DISTINCT row.i) AS deleted"""
    found = f"MATCH (n:{quoted(table.labels[0])}) WHERE elementId(n) = row.k0 AND n._dn_version = row.v"
    return delete_found(table, found)
