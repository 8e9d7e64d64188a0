"""The statement that merges the edges of one relationship type of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.cypher.common import matching, temporals
from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Relationship, Table


def merge_relationships(table: Table, position: int) -> str:
    """
    Build the statement for the relationship at `position`; that of the last one stamps `_dn_rel_hash`.

    Parameters: `$owner`, `$rows` of {k0…: the row's key, v, h, r: hash of the row's edges, t0…: key of the end node and
    of the edge, or nulls, o0_0…: those of its siblings, i: row number, and if the relationship has content p: its plain
    properties, s0…, n0…: the temporal ones, q: the hash of all}, `$stamp`: false if an earlier pass refused an edge, so
    that the next load tries it again. Only rows whose node has their version and hash take part. Outdated edges of the
    row that the loader created are deleted, other edges stay. Returns the counts (written, unchanged, skipped, none:
    rows without an end, removed: deleted edges, parallel: edges that replaced other content) and the numbers of rows
    whose end node is missing (missing: of those, the ones that are dead letters; absent: all).
    """
    relationship = table.relationships[position]
    return "\n".join(
        [
            "UNWIND $rows AS row",
            f"MATCH (n:{quoted(table.labels[0])} {{{matching(table.key, 'k')}}})",
            "WHERE n._dn_version = row.v AND n._dn_hash = row.h",
            _held_edges(table, relationship),
            _end_node(relationship),
            _outcome(relationship),
            "FOREACH (edge IN stale | DELETE edge)",
            _merge(relationship),
            _stamp(table, position),
            f"RETURN {', '.join(_counted(outcome) for outcome in ('written', 'unchanged', 'skipped', 'none'))},",
            "  sum(CASE WHEN differs AND outcome = 'written' THEN 1 ELSE 0 END) AS parallel,",
            "  sum(size(stale)) AS removed, collect(CASE outcome WHEN 'missing' THEN row.i END) AS missing,",
            "  collect(CASE WHEN outcome IN ['skipped', 'missing'] THEN row.i END) AS absent",
        ]
    )


def _counted(outcome: str) -> str:
    return f"sum(CASE outcome WHEN '{outcome}' THEN 1 ELSE 0 END) AS {outcome}"


def _edge(relationship: Relationship, end: str, edge: str) -> str:
    kind = f"[{edge}:{quoted(relationship.type)}]"
    return f"({end})-{kind}->(n)" if relationship.incoming else f"(n)-{kind}->({end})"


def may_settle(table: Table) -> bool:
    """Return whether rows with an equal hash of edges need no relationship pass: no edge has to be tried again."""
    # A skipped or refused edge has to be tried again, because its end node may exist now.
    return all(r.on_missing == "merge" for r in table.relationships)


def _same_properties(relationship: Relationship) -> str:
    return " AND coalesce(pair[0]._dn_hash = row.q, false)" if relationship.has_content else ""


def _other_properties(relationship: Relationship) -> str:
    if not relationship.properties:
        return "false"
    return "any(pair IN held WHERE pair[1] AND coalesce(pair[0]._dn_hash <> row.q, false))"


def _is_held(relationship: Relationship, prefix: str) -> str:
    places = ["held"] * len(relationship.end_key) + ["edge"] * len(relationship.key)
    parts = enumerate(zip(places, relationship.identity, strict=True))
    return " AND ".join(f"{place}.{quoted(p.name)} = row.{prefix}{i}" for i, (place, p) in parts)


def _held_edges(table: Table, relationship: Relationship) -> str:
    # A stale edge is one of the row's that no sibling expects and no edge list wrote: edges of an edge list have a
    # version. If the mapping no longer has the edge list, its edges are stale too.
    listed = " AND pair[0]._dn_version IS NULL" if relationship.type in table.listed_types else ""
    siblings = [
        f"held:{quoted(each.end_label)} AND {_is_held(each, f'o{number}_')}"
        for number, each in enumerate(table.siblings(relationship))
    ]
    pair = f"coalesce({_is_held(relationship, 't')}, false), coalesce({' OR '.join(siblings) or 'false'}, false)"
    edge = _edge(relationship, f"held:{quoted(relationship.end_label)}", "edge")
    settled_text = "coalesce(n._dn_rel_hash = row.r, false)" if may_settle(table) else "false"
    return "\n".join(
        [
            f"WITH n, row, {settled_text} AS settled,",
            f"  CASE WHEN {settled_text} THEN [] ELSE [{edge} | [edge, {pair}]] END AS held",
            f"WITH n, row, settled, any(pair IN held WHERE pair[1]{_same_properties(relationship)}) AS present,",
            f"  {_other_properties(relationship)} AS differs,",
            "  [pair IN held WHERE NOT (pair[1] OR pair[2])",
            f"    AND pair[0]._dn_owner = $owner{listed} | pair[0]]{_twins(relationship, listed)} AS stale",
        ]
    )


def _twins(relationship: Relationship, listed: str) -> str:
    # Without its key, what an earlier mapping told apart is one relationship now.
    if relationship.retired or not relationship.has_content:
        return ""
    return f" + tail([pair IN held WHERE pair[1] AND pair[0]._dn_owner = $owner{listed} | pair[0]])"


def _end_node(relationship: Relationship) -> str:
    if relationship.on_missing == "merge":
        return "WITH n, row, settled, present, differs, stale, true AS reachable"
    pattern = f"(:{quoted(relationship.end_label)} {{{matching(relationship.end_key, 't')}}})"
    return f"WITH n, row, settled, present, differs, stale, EXISTS {{ {pattern} }} AS reachable"


def _outcome(relationship: Relationship) -> str:
    absent = "skipped" if relationship.on_missing == "skip" else "missing"
    return "\n".join(
        [
            "WITH n, row, settled, differs, stale, CASE",
            "  WHEN row.t0 IS NULL THEN 'none'",
            "  WHEN settled OR present THEN 'unchanged'",
            f"  WHEN NOT reachable THEN '{absent}'",
            "  ELSE 'written' END AS outcome",
        ]
    )


def _merge(relationship: Relationship) -> str:
    end = f"(end:{quoted(relationship.end_label)} {{{matching(relationship.end_key, 't')}}})"
    edge = f"MERGE {_edge(relationship, 'end', 'edge')} ON CREATE SET edge._dn_owner = $owner"
    if relationship.has_content or relationship.key:
        # The edge is matched by its owner: edges of other writers between the same nodes keep their properties.
        parts = [f"{quoted(p.name)}: row.t{i}" for i, p in enumerate(relationship.key, len(relationship.end_key))]
        own = f" {{{', '.join(['_dn_owner: $owner', *parts])}}}]->"
        edge = f"MERGE {_edge(relationship, 'end', 'edge').replace(']->', own)}"
    if relationship.has_content:
        edge += f" SET edge += row.p, edge._dn_hash = row.q{temporals(relationship.properties, 'edge')}"
    return (
        "FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |\n"
        f"  MERGE {end} ON CREATE SET end._dn_owner = $owner\n  {edge})"
    )


def _stamp(table: Table, position: int) -> str:
    # An earlier pass removes the stamp: a row whose last pass has not run must not count as settled.
    last = position == len(table.relationships) - 1 and not table.chunks
    kept, stamp = (
        ("settled", "CASE WHEN $stamp THEN row.r END") if last else ("settled OR n._dn_rel_hash IS NULL", "null")
    )
    update = f"FOREACH (_ IN CASE WHEN {kept} THEN [] ELSE [1] END | SET n._dn_rel_hash = {stamp})"
    return f"{update}\nWITH row, outcome, differs, stale"
