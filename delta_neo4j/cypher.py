"""
From a mapping to Cypher: pure text, no I/O. Names pass `identifiers`; values always bind.

Hidden properties: `_dn_version` (source token and version, fixed width, so text order is version order),
`_dn_hash` (mapped content), `_dn_rel_hash` (the row's edges, stamped by the last pass), `_dn_owner`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.identifiers import quoted, snake_case

if TYPE_CHECKING:
    from delta_neo4j.plan import Property, Relationship, Table, VectorIndex

OWNER = "delta-neo4j"


def constraint_name(label: str, key: tuple[Property, ...]) -> str:
    """Name a node key's constraint: RemovalEvent(removal_id) → removal_event_removal_id_unique."""
    return "_".join([snake_case(label), *(snake_case(p.name) for p in key), "unique"])


def create_constraint(label: str, key: tuple[Property, ...]) -> str:
    """Build the uniqueness constraint on a node key."""
    columns = ", ".join(f"n.{quoted(p.name)}" for p in key)
    name = quoted(constraint_name(label, key))
    return f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{quoted(label)}) REQUIRE ({columns}) IS UNIQUE"


def duplicates(label: str, key: tuple[Property, ...], limit: int = 5) -> str:
    """Build the query that names keys which stand on several nodes: rows of (key, nodes)."""
    columns = ", ".join(f"n.{quoted(p.name)}" for p in key)
    present = " AND ".join(f"n.{quoted(p.name)} IS NOT NULL" for p in key)
    return (
        f"MATCH (n:{quoted(label)}) WHERE {present} WITH [{columns}] AS key, count(*) AS nodes "
        f"WHERE nodes > 1 RETURN key, nodes ORDER BY nodes DESC LIMIT {limit}"
    )


def create_vector_index(label: str, prop: str, index: VectorIndex) -> str:
    """Build the vector index; figures that the mapping leaves open stay the server's."""
    options = {"vector.dimensions": str(index.dimension), "vector.similarity_function": f"'{index.similarity}'"}
    if index.m is not None:
        options["vector.hnsw.m"] = str(index.m)
    if index.ef_construction is not None:
        options["vector.hnsw.ef_construction"] = str(index.ef_construction)
    if index.quantization is not None:
        options["vector.quantization.enabled"] = str(index.quantization).lower()
    settings = ", ".join(f"`{name}`: {value}" for name, value in options.items())
    return (
        f"CREATE VECTOR INDEX {quoted(index.name)} IF NOT EXISTS FOR (n:{quoted(label)}) ON (n.{quoted(prop)}) "
        f"OPTIONS {{indexConfig: {{{settings}}}}}"
    )


def upsert_nodes(table: Table) -> str:
    """
    Build the guarded MERGE of nodes.

    Parameters: `$owner`, `$source`, `$rows` of {k0…: key, p: plain properties, s0…, n0…: seconds and nanoseconds
    of the temporal properties, v: version, h: content hash,
    w: 1 without a vector, x: 1 with a truncated text (null: unknown), e0…: 1 where the row has that
    relationship}. A row applies when its version is not lower than the node's, or the node's is of another
    source. Returns (outcome, rows, without_text, truncated, length_unknown, e0…) with outcomes written,
    unchanged, superseded.
    """
    key = ", ".join(f"{quoted(p.name)}: row.k{i}" for i, p in enumerate(table.key))
    more_labels = "".join(f":{quoted(label)}" for label in table.labels[1:])
    labels = f", n{more_labels}" if more_labels else ""
    edges = "".join(f", sum(row.e{i}) AS e{i}" for i in range(len(table.relationships)))
    return f"""UNWIND $rows AS row
MERGE (n:{quoted(table.labels[0])} {{{key}}})
ON CREATE SET n._dn_owner = $owner
WITH n, row, CASE
  WHEN n._dn_version STARTS WITH $source AND n._dn_version > row.v THEN 'superseded'
  WHEN n._dn_hash = row.h THEN 'unchanged'
  ELSE 'written' END AS outcome
FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |
  SET n += row.p{_temporals(table)}, n._dn_hash = row.h, n._dn_version = row.v{labels})
FOREACH (_ IN CASE WHEN outcome = 'unchanged' AND n._dn_version <> row.v THEN [1] ELSE [] END |
  SET n._dn_version = row.v)
RETURN outcome, count(*) AS rows, sum(row.w) AS without_text,
  sum(row.x) AS truncated, count(*) - count(row.x) AS length_unknown{edges}"""


def keep_unchanged(table: Table) -> str:
    """
    Build the look-up of rows that the graph has whole, node and edges; it moves their version and nothing else.

    Parameters: `$source`, `$rows` of {k0…, v, h, r: hash of the row's edges, i: row number}. Returns one record, the
    row numbers found (same).
    """
    return f"""UNWIND $rows AS row
MATCH (n:{quoted(table.labels[0])} {{{_matching(table.key, "k")}}})
WHERE n._dn_hash = row.h AND n._dn_rel_hash = row.r
  AND NOT (n._dn_version STARTS WITH $source AND n._dn_version > row.v)
FOREACH (_ IN CASE WHEN n._dn_version = row.v THEN [] ELSE [1] END | SET n._dn_version = row.v)
RETURN collect(row.i) AS same"""


_TEMPORAL = {"date": "date", "datetime": "datetime", "local_datetime": "localdatetime"}


def is_temporal(prop: Property) -> bool:
    """Tell whether a property travels as seconds and nanoseconds."""
    return prop.type in _TEMPORAL


def _temporals(table: Table) -> str:
    text = ""
    for i, prop in enumerate(filter(is_temporal, table.properties)):
        moment = f"datetime({{epochSeconds: row.s{i}, nanosecond: row.n{i}}})"
        built = moment if prop.type == "datetime" else f"{_TEMPORAL[prop.type]}({moment})"
        text += f",\n  n.{quoted(prop.name)} = CASE WHEN row.s{i} IS NULL THEN null ELSE {built} END"
    return text


def merge_relationships(table: Table, position: int) -> str:
    """
    Build one relationship pass; the last one stamps `_dn_rel_hash`.

    Parameters: `$owner`, `$rows` of {k0…: the row's key, v, h, r: hash of the row's edges, t0…: end key or null,
    i: row number}, `$stamp`: false when an earlier pass refused an edge, so that it is tried again. Only rows whose
    node holds this very version take part. The row's own outdated edges of this type go; others' stay. Returns
    (written, unchanged, skipped, none: rows without an end, removed, missing: row numbers).
    """
    relationship = table.relationships[position]
    return "\n".join(
        [
            "UNWIND $rows AS row",
            f"MATCH (n:{quoted(table.labels[0])} {{{_matching(table.key, 'k')}}})",
            "WHERE n._dn_version = row.v AND n._dn_hash = row.h",
            _held_edges(relationship, settled=may_settle(table)),
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


def _matching(key: tuple[Property, ...], prefix: str) -> str:
    return ", ".join(f"{quoted(p.name)}: row.{prefix}{i}" for i, p in enumerate(key))


def _edge(relationship: Relationship, end: str, edge: str) -> str:
    kind = f"[{edge}:{quoted(relationship.type)}]"
    return f"({end})-{kind}->(n)" if relationship.incoming else f"(n)-{kind}->({end})"


def may_settle(table: Table) -> bool:
    """Tell whether a row's hash of edges says that its edges stand."""
    # A skipped or refused edge must be tried again when its end may have appeared since.
    return all(r.on_missing == "merge" for r in table.relationships)


def _held_edges(relationship: Relationship, *, settled: bool) -> str:
    same = " AND ".join(f"held.`{p.name}` = row.t{i}" for i, p in enumerate(relationship.end_key))
    edge = _edge(relationship, f"held:{quoted(relationship.end_label)}", "edge")
    settled_text = "coalesce(n._dn_rel_hash = row.r, false)" if settled else "false"
    return "\n".join(
        [
            f"WITH n, row, {settled_text} AS settled,",
            f"  CASE WHEN {settled_text} THEN [] ELSE [{edge} | [edge, coalesce({same}, false)]] END AS held",
            "WITH n, row, settled, any(pair IN held WHERE pair[1]) AS present,",
            "  [pair IN held WHERE NOT pair[1] AND pair[0]._dn_owner = $owner | pair[0]] AS stale",
        ]
    )


def _end_node(relationship: Relationship) -> str:
    if relationship.on_missing == "merge":
        return "WITH n, row, settled, present, stale, true AS reachable"
    pattern = f"(:{quoted(relationship.end_label)} {{{_matching(relationship.end_key, 't')}}})"
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
    end = f"(end:{quoted(relationship.end_label)} {{{_matching(relationship.end_key, 't')}}})"
    return (
        "FOREACH (_ IN CASE outcome WHEN 'written' THEN [1] ELSE [] END |\n"
        f"  MERGE {end} ON CREATE SET end._dn_owner = $owner\n"
        f"  MERGE {_edge(relationship, 'end', 'edge')} ON CREATE SET edge._dn_owner = $owner)"
    )


def _stamp(table: Table, position: int) -> str:
    # An earlier pass takes the stamp away: until the last one has come by, nothing counts as settled.
    last = position == len(table.relationships) - 1
    kept, stamp = (
        ("settled", "CASE WHEN $stamp THEN row.r END") if last else ("settled OR n._dn_rel_hash IS NULL", "null")
    )
    return (
        f"FOREACH (_ IN CASE WHEN {kept} THEN [] ELSE [1] END | SET n._dn_rel_hash = {stamp})\nWITH row, outcome, stale"
    )
