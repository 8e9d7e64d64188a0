"""
The clauses that statements share, and the hidden properties that the loader writes beside the mapped ones.

`_dn_version`: source token and version of the row, of fixed width, so that the order of texts is the order of versions.
`_dn_hash`: content hash. `_dn_rel_hash`: hash of the row's edges; the last pass sets it ("stamps" the row) when all
edges of the row are written. `_dn_owner`: `delta-neo4j` on nodes and edges that the loader created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import quoted
from delta_neo4j.mapping.types import BY_NAME

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Edge, Property

OWNER = "delta-neo4j"
HIDDEN = ("_dn_version", "_dn_hash", "_dn_rel_hash", "_dn_owner")


def matching(key: tuple[Property, ...], prefix: str, row: str = "row") -> str:
    """Build the map that matches a node by its key, from `row.k0`, `row.k1` and so on (if `prefix` is k)."""
    return ", ".join(f"{quoted(p.name)}: {row}.{prefix}{i}" for i, p in enumerate(key))


def own_edge(edge: Edge, row: str | None) -> str:
    """Build the map that finds an edge list's own edges; of one row (`row.k0`…) by the key of the edge, too."""
    width = len(edge.start_key) + len(edge.end_key)
    parts = [f"{quoted(p.name)}: {row}.k{i}" for i, p in enumerate(edge.key, width)] if row else []
    return ", ".join(["_dn_owner: $owner", *parts])


def is_temporal(prop: Property) -> bool:
    """Return whether a property is sent as seconds and nanoseconds."""
    return BY_NAME[prop.type].travel == "temporal"


def temporals(properties: tuple[Property, ...], variable: str) -> str:
    """Build the assignments of the temporal properties from `row.s0`, `row.n0` and so on."""
    text = ""
    for i, prop in enumerate(filter(is_temporal, properties)):
        # Without `timezone` the server would use its own (db.temporal.timezone).
        moment = f"datetime({{epochSeconds: row.s{i}, nanosecond: row.n{i}, timezone: 'Z'}})"
        function = BY_NAME[prop.type].cypher
        built = moment if function == "datetime" else f"{function}({moment})"
        text += f",\n  {variable}.{quoted(prop.name)} = CASE WHEN row.s{i} IS NULL THEN null ELSE {built} END"
    return text


def versioned(variable: str) -> str:
    """Build the outcome of a row, from the versions and hashes of the row and of the graph's node or edge."""
    return f"""CASE
  WHEN {variable}._dn_version STARTS WITH $source AND {variable}._dn_version > row.v THEN 'superseded'
  WHEN {variable}._dn_hash = row.h THEN 'unchanged'
  ELSE 'written' END AS outcome"""


def moved(variable: str) -> str:
    """Build the update of the version of an unchanged node or edge."""
    known = f"{variable}._dn_version"
    return f"""FOREACH (_ IN CASE WHEN outcome = 'unchanged' AND coalesce({known} <> row.v, true) THEN [1] ELSE [] END |
  SET {known} = row.v)"""


def alone(node: str) -> str:
    """
    Build the condition that the loader created a node and that no other writer added a label, property or edge to it.

    Parameters: `$owner`, and what the loader itself writes on the node: `$labels`, `$known` (property names), `$maps`
    (prefixes of flattened maps).
    """
    return (
        f"(coalesce({node}._dn_owner = $owner, false) AND all(label IN labels({node}) WHERE label IN $labels) "
        f"AND all(name IN keys({node}) WHERE name IN $known OR any(map IN $maps WHERE name STARTS WITH map)) "
        f"AND NOT EXISTS {{ ({node})-[theirs]-() WHERE coalesce(theirs._dn_owner, '') <> $owner }})"
    )
