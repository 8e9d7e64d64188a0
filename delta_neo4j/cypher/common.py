"""
What all statements share.

Hidden properties: `_dn_version` (source token and version, fixed width, so text order is version order),
`_dn_hash` (mapped content), `_dn_rel_hash` (the row's edges, stamped by the last pass), `_dn_owner`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.plan import Property

OWNER = "delta-neo4j"
HIDDEN = ("_dn_version", "_dn_hash", "_dn_rel_hash", "_dn_owner")
_TEMPORAL = {"date": "date", "datetime": "datetime", "local_datetime": "localdatetime"}


def matching(key: tuple[Property, ...], prefix: str, row: str = "row") -> str:
    """Build the map that finds a node by its key, from `row.k0`, `row.k1` and so on."""
    return ", ".join(f"{quoted(p.name)}: {row}.{prefix}{i}" for i, p in enumerate(key))


def is_temporal(prop: Property) -> bool:
    """Tell whether a property travels as seconds and nanoseconds."""
    return prop.type in _TEMPORAL


def temporals(properties: tuple[Property, ...], variable: str) -> str:
    """Build the assignments of the temporal properties from `row.s0`, `row.n0` and so on."""
    text = ""
    for i, prop in enumerate(filter(is_temporal, properties)):
        # Without a zone it would be the server's own (db.temporal.timezone).
        moment = f"datetime({{epochSeconds: row.s{i}, nanosecond: row.n{i}, timezone: 'Z'}})"
        built = moment if prop.type == "datetime" else f"{_TEMPORAL[prop.type]}({moment})"
        text += f",\n  {variable}.{quoted(prop.name)} = CASE WHEN row.s{i} IS NULL THEN null ELSE {built} END"
    return text


def versioned(variable: str) -> str:
    """Build what becomes of a row against the graph's node or edge: superseded, unchanged or written."""
    return f"""CASE
  WHEN {variable}._dn_version STARTS WITH $source AND {variable}._dn_version > row.v THEN 'superseded'
  WHEN {variable}._dn_hash = row.h THEN 'unchanged'
  ELSE 'written' END AS outcome"""


def moved(variable: str) -> str:
    """Build the move of an unchanged node's or edge's version."""
    held = f"{variable}._dn_version"
    return f"""FOREACH (_ IN CASE WHEN outcome = 'unchanged' AND coalesce({held} <> row.v, true) THEN [1] ELSE [] END |
  SET {held} = row.v)"""


def alone(node: str) -> str:
    """
    Build the condition that nobody else has put anything on a node of ours: label, property or relationship.

    Parameters: `$owner`, and as `$labels`, `$known` and `$maps` what the loader itself puts there (labels, property
    names, prefixes of flattened maps).
    """
    return (
        f"(coalesce({node}._dn_owner = $owner, false) AND all(label IN labels({node}) WHERE label IN $labels) "
        f"AND all(name IN keys({node}) WHERE name IN $known OR any(map IN $maps WHERE name STARTS WITH map)) "
        f"AND NOT EXISTS {{ ({node})-[theirs]-() WHERE coalesce(theirs._dn_owner, '') <> $owner }})"
    )
