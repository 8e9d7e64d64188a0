"""The statement that finds out whether anything can be done about edges that wait for their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import matching
from delta_neo4j.mapping.identifiers import quoted
from delta_neo4j.mapping.plan import Relationship

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Edge, Property, Table


def count_due(table: Table, kind: Relationship | Edge) -> str:
    """
    Build the count of the waiting edges of a kind whose ends are there now, or whose row has another version now.

    Parameters: `$rows` of {k0…: the row's key, v: its version, t0…: the key of the end; of an edge list of both ends}.
    Returns one record (due). Nothing in the graph tells whether a row of an edge list that waits has changed.
    """
    if isinstance(kind, Relationship):
        row = f"(n:{quoted(table.labels[0])} {{{matching(table.key, 'k')}}})"
        due = f"{_there(kind.end_label, kind.end_key)} OR NOT EXISTS {{ {row} WHERE n._dn_version = row.v }}"
    else:
        start = _there(kind.start_label, kind.start_key)
        due = f"{start} AND {_there(kind.end_label, kind.end_key, len(kind.start_key))}"
    return f"UNWIND $rows AS row\nRETURN sum(CASE WHEN {due} THEN 1 ELSE 0 END) AS due"


def _there(label: str, key: tuple[Property, ...], first: int = 0) -> str:
    parts = ", ".join(f"{quoted(p.name)}: row.t{i}" for i, p in enumerate(key, first))
    return f"EXISTS {{ (:{quoted(label)} {{{parts}}}) }}"
