"""Relationships: those of rows, pass by pass, and the rows of edge lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.cypher.common import matching, moved, temporals, versioned
from delta_neo4j.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.plan import Relationship, Table


def merge_relationships(table: Table, position: int) -> str:
    """
    Build one relationship pass; the last one stamps `_dn_rel_hash`.

    Parameters: `$owner`, `$rows` of {k0…: the row's key, v, h, r: hash of the row's edges, t0…: end key or null,
    o0_0…: those of its siblings, i: row number, and where the relationship has content p: its plain properties,
    s0…, n0…: the temporal ones, q: the hash of all}, `$stamp`: false when an earlier pass refused an edge, so that it
    is tried again. Only rows whose node holds this very version take part. The row's own outdated edges of this type
    go; others' stay. Returns (written, unchanged, skipped, none: rows without an end, removed, missing: row numbers).
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
            "  sum(size(stale)) AS removed, collect(CASE outcome WHEN 'missing' THEN row.i END) AS missing",
        ]
    )


def _counted(outcome: str) -> str:
    return f"sum(CASE outcome WHEN '{outcome}' THEN 1 ELSE 0 END) AS {outcome}"


def _edge(relationship: Relationship, end: str, edge: str) -> str:
    kind = f"[{edge}:{quoted(relationship.type)}]"
    return f"({end})-{kind}->(n)" if relationship.incoming else f"(n)-{kind}->({end})"


def may_settle(table: Table) -> bool:
    """Tell whether a row's hash of edges says that its edges stand."""
    # A skipped or refused edge must be tried again when its end may have appeared since.
    return all(r.on_missing == "merge" for r in table.relationships)


def _same_properties(relationship: Relationship) -> str:
    return " AND coalesce(pair[0]._dn_hash = row.q, false)" if relationship.has_content else ""


def _is_end(relationship: Relationship, prefix: str) -> str:
    return " AND ".join(f"held.{quoted(p.name)} = row.{prefix}{i}" for i, p in enumerate(relationship.end_key))


def _held_edges(table: Table, relationship: Relationship) -> str:
    # Stale is the row's own edge that nothing else can want: neither a sibling nor an edge list, whose edges have a
    # version. Those of a list that the mapping has no more go.
    listed = " AND pair[0]._dn_version IS NULL" if relationship.type in table.listed_types else ""
    siblings = [
        f"held:{quoted(each.end_label)} AND {_is_end(each, f'o{number}_')}"
        for number, each in enumerate(table.siblings(relationship))
    ]
    pair = f"coalesce({_is_end(relationship, 't')}, false), coalesce({' OR '.join(siblings) or 'false'}, false)"
    edge = _edge(relationship, f"held:{quoted(relationship.end_label)}", "edge")
    settled_text = "coalesce(n._dn_rel_hash = row.r, false)" if may_settle(table) else "false"
    return "\n".join(
        [
            f"WITH n, row, {settled_text} AS settled,",
            f"  CASE WHEN {settled_text} THEN [] ELSE [{edge} | [edge, {pair}]] END AS held",
            f"WITH n, row, settled, any(pair IN held WHERE pair[1]{_same_properties(relationship)}) AS present,",
            "  [pair IN held WHERE NOT (pair[1] OR pair[2])",
            f"    AND pair[0]._dn_owner = $owner{listed} | pair[0]] AS stale",
        ]
    )


def _end_node(relationship: Relationship) -> str:
    if relationship.on_missing == "merge":
        return "WITH n, row, settled, present, stale, true AS reachable"
    pattern = f"(:{quoted(relationship.end_label)} {{{matching(relationship.end_key, 't')}}})"
    return f"WITH n, row, settled, present, stale, EXISTS {{ {pattern} }} AS reachable"


def _outcome(relationship: Relationship) -> str:
    absent = "skipped" if relationship.on_missing == "skip" else "missing"
    return "\n".join(
        [
            "WITH n, row, settled, stale, CASE",
            "  WHEN row.t0 IS NULL THEN 'none'",
            "  WHEN settled OR present THEN 'unchanged'",
            f"  WHEN NOT reachable THEN '{absent}'",
            "  ELSE 'written' END AS outcome",
        ]
    )


def _merge(relationship: Relationship) -> str:
    end = f"(end:{quoted(relationship.end_label)} {{{matching(relationship.end_key, 't')}}})"
    edge = f"MERGE {_edge(relationship, 'end', 'edge')} ON CREATE SET edge._dn_owner = $owner"
    if relationship.has_content:
        # Others' edges between the same nodes keep their own properties: this one is ours alone.
        ours = _edge(relationship, "end", "edge").replace("]->", " {_dn_owner: $owner}]->")
        values = temporals(relationship.properties, "edge")
        edge = f"MERGE {ours} SET edge += row.p, edge._dn_hash = row.q{values}"
    return (
        "FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |\n"
        f"  MERGE {end} ON CREATE SET end._dn_owner = $owner\n  {edge})"
    )


def _stamp(table: Table, position: int) -> str:
    # An earlier pass takes the stamp away: until the last one has come by, nothing counts as settled.
    last = position == len(table.relationships) - 1 and not table.chunks
    kept, stamp = (
        ("settled", "CASE WHEN $stamp THEN row.r END") if last else ("settled OR n._dn_rel_hash IS NULL", "null")
    )
    return (
        f"FOREACH (_ IN CASE WHEN {kept} THEN [] ELSE [1] END | SET n._dn_rel_hash = {stamp})\nWITH row, outcome, stale"
    )


def merge_edges(table: Table) -> str:
    """
    Build the guarded upsert of an edge list's rows; the edges are the loader's own.

    Parameters: `$owner`, `$source`, `$rows` of {k0…: both ends' keys, p: plain properties, s0…, n0…, v, h, i: row
    number}. Returns (outcome, rows: row numbers) with outcomes written, unchanged, superseded; with `on_missing` other
    than merge, rows without both nodes are in none.
    """
    edge = table.edge
    if edge is None:
        raise ValueError(f"table {table.name} is no edge list")
    width = len(edge.start_key)
    start = f"(a:{quoted(edge.start_label)} {{{matching(edge.start_key, 'k')}}})"
    parts = ", ".join(f"{quoted(p.name)}: row.k{i}" for i, p in enumerate(edge.end_key, width))
    end = f"(b:{quoted(edge.end_label)} {{{parts}}})"
    if edge.on_missing == "merge":
        nodes = "\n".join(f"MERGE {node} ON CREATE SET {node[1]}._dn_owner = $owner" for node in (start, end))
    else:
        nodes = f"MATCH {start}\nMATCH {end}"
    return f"""UNWIND $rows AS row
{nodes}
MERGE (a)-[e:{quoted(edge.type)} {{_dn_owner: $owner}}]->(b)
WITH e, row, {versioned("e")}
FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |
  SET e += row.p{temporals(table.properties, "e")}, e._dn_hash = row.h, e._dn_version = row.v)
{moved("e")}
RETURN outcome, collect(row.i) AS rows"""
