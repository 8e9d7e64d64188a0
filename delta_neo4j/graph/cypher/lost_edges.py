"""
The edges that go with a deleted end node `n`: those of rows that wait for their end (`mapping.leads`).

The parameter `$lost` has the source tokens of each lead, in the order of the leads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import quoted
from delta_neo4j.mapping.plan import Edge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from delta_neo4j.mapping.leads import Lead
    from delta_neo4j.mapping.plan import Property


def no_other_edges(leads: Sequence[Lead]) -> str:
    """Build the condition that all edges of `n` are in the list `own`, or go with it."""
    kinds = [f"({_kind(lead)} AND {_is_lost(lead, number)})" for number, lead in enumerate(leads)]
    far, others = ("far", f" AND NOT ({' OR '.join(kinds)})") if kinds else ("", "")
    return f"NOT EXISTS {{ (n)-[led]-({far}) WHERE NOT led IN own{others} }}"


def lists(leads: Sequence[Lead]) -> str:
    """Build the list of the edges that go with `n`, empty unless it `goes`."""
    parts = [f"[{_pattern(lead)} WHERE goes AND {_is_lost(lead, at)} | led]" for at, lead in enumerate(leads)]
    return " + ".join(parts) or "[]"


def columns(lead: Lead) -> tuple[str, ...]:
    """Return the columns of `read`: the keys of row, end and edge as texts; the version and hashes of the row."""
    parts = zip("rte", _keys(lead), strict=True)
    return (*(f"{name}{i}" for name, key in parts for i in range(len(key))), "v", "h", "r")


def read(lead: Lead, number: int) -> str:
    """Build the end of a statement that lists the edges of one lead at nodes `n`; `columns` names its columns."""
    parts = [part for key in _keys(lead) for part in key]
    row = "led" if isinstance(lead.kind, Edge) else "far"
    written = [f"{row}._dn_{name}" for name in ("version", "hash", "rel_hash")]
    values = [*(f"toString({part})" for part in parts), *written]
    returned = ", ".join(f"{value} AS {name}" for value, name in zip(values, columns(lead), strict=True))
    return f"MATCH {_pattern(lead)} WHERE {_is_lost(lead, number)}\nRETURN {returned}"


def _keys(lead: Lead) -> tuple[list[str], list[str], list[str]]:
    """Return where the keys are: that of the row, that of the end (of an edge list: both ends), the edge's own."""
    kind, own = lead.kind, _parts("led", lead.kind.key)
    if isinstance(kind, Edge):
        start, end = ("n", "far") if lead.at_start else ("far", "n")
        ends = [*_parts(start, kind.start_key), *_parts(end, kind.end_key)]
        return [*ends, *own], ends, own
    return _parts("far", lead.table.key), _parts("n", kind.end_key), own


def _parts(variable: str, key: Iterable[Property]) -> list[str]:
    return [f"{variable}.{quoted(p.name)}" for p in key]


def _pattern(lead: Lead) -> str:
    before, after = ("-", "->") if lead.leaves_node else ("<-", "-")
    return f"(n){before}[led:{quoted(lead.kind.type)}]{after}(far:{quoted(lead.far_label)})"


def _kind(lead: Lead) -> str:
    side = "startNode" if lead.leaves_node else "endNode"
    return f"led:{quoted(lead.kind.type)} AND {side}(led) = n AND far:{quoted(lead.far_label)}"


def _is_lost(lead: Lead, number: int) -> str:
    listed = isinstance(lead.kind, Edge)
    # Only an edge list's edges have a version; those of a row's node have that of the node.
    own = "" if listed else "led._dn_version IS NULL AND "
    row = f"{'led' if listed else 'far'}._dn_version"
    written = f"any(token IN $lost[{number}] WHERE coalesce({row}, '') STARTS WITH token)"
    return f"n:{quoted(lead.near_label)} AND led._dn_owner = $owner AND {own}{written}"
