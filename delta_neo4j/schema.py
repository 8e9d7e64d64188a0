"""Constraints and vector indexes: made before the first row, proved ONLINE, refused where they contradict."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from neo4j.exceptions import ClientError, DatabaseError, DriverError, Neo4jError

from delta_neo4j import neo4j_grants
from delta_neo4j.cypher import schema as cypher
from delta_neo4j.errors import PreflightError
from delta_neo4j.transactions import one_line

if TYPE_CHECKING:
    import neo4j

    from delta_neo4j.plan import Embedding, Graph, Table

FILTERS_SINCE = 2026
ONLINE_TIMEOUT = 600.0  # seconds for an index over a graph that is already there


def ensure(driver: neo4j.Driver, database: str, graph: Graph) -> None:
    """Make and await every constraint and index of the mapping, or raise `PreflightError`."""
    with driver.session(database=database) as session:
        try:
            for label, key in node_keys(graph):
                _ensure_constraint(session, label, key)
            filters = _can_filter(driver)
            for table in graph.tables:
                if table.embedding:
                    names = _filterable(graph, table, table.embedding) if filters else ()
                    _ensure_vector_index(session, table, table.embedding, names)
            _await_online(session, graph)
        except (Neo4jError, DriverError) as error:
            remedy = neo4j_grants.remedy(error, database) or (
                "check that the user may create and show them, and that the server is 5.26 or newer"
            )
            raise PreflightError(
                f"constraints and indexes cannot be made ready: {one_line(error)}; {remedy}"
            ) from error


def node_keys(graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    """Give (label, key properties) of every node that the mapping finds by its key, each once."""
    keys = []
    for table in graph.tables:
        if table.edge:
            keys += [(table.edge.start_label, table.edge.start_key), (table.edge.end_label, table.edge.end_key)]
        else:
            keys.append((table.labels[0], table.key))
        keys += [(r.end_label, r.end_key) for r in table.relationships if not r.retired]
    named = [(label, tuple(p.name for p in key)) for label, key in keys]
    named += [(table.chunks.label, ("chunk_id",)) for table in graph.tables if table.chunks]
    return list(dict.fromkeys(named))


def holder(table: Table) -> str:
    """Give the label of the nodes that hold a table's vectors."""
    found = table.embedding.holder if table.embedding else None
    return found.label if found else table.labels[0]


def _can_filter(driver: neo4j.Driver) -> bool:
    # Calendar versions begin with the year; the vector index takes more properties since 2026.01.
    version = str(driver.get_server_info().agent).removeprefix("Neo4j/").split(".")[0]
    return version.isdigit() and int(version) >= FILTERS_SINCE


def _ensure_constraint(session: neo4j.Session, label: str, key: tuple[str, ...]) -> None:
    try:
        session.run(cypher.create_constraint(label, key)).consume()
    except (ClientError, DatabaseError) as error:
        if error.code == neo4j_grants.FORBIDDEN:
            raise  # the graph is not at fault: `ensure` says what is
        raise PreflightError(_constraint_fault(session, label, key, error)) from error
    # IF NOT EXISTS says nothing when the name belongs to another constraint: look.
    query = (
        "SHOW CONSTRAINTS YIELD entityType, type, labelsOrTypes, properties "
        "WHERE entityType = 'NODE' AND labelsOrTypes = [$label] AND type IN $types RETURN properties"
    )
    types = ["UNIQUENESS", "NODE_PROPERTY_UNIQUENESS", "NODE_KEY"]
    wanted = sorted(key)
    found = [sorted(record["properties"]) for record in session.run(query, label=label, types=types)]
    if wanted not in found:
        name = cypher.constraint_name(label, key)
        raise PreflightError(
            f"the constraint name {name} is taken by another rule, so {label}({', '.join(wanted)}) cannot be made "
            f"unique; drop or rename it (DROP CONSTRAINT {name})"
        )


def _constraint_fault(session: neo4j.Session, label: str, key: tuple[str, ...], error: Neo4jError) -> str:
    twins = session.run(cypher.duplicates(label, key)).data()
    if not twins:
        return f"the constraint on {label} cannot be made: {one_line(error)}"
    named = ", ".join(f"{', '.join(map(str, twin['key']))} ({twin['nodes']} nodes)" for twin in twins)
    columns = ", ".join(key)
    return (
        f"{label}({columns}) cannot be made unique, the graph holds duplicates: {named}; "
        "merge or remove them and run again"
    )


def _filterable(graph: Graph, table: Table, embedding: Embedding) -> tuple[str, ...]:
    """Name what filters the index of an embedding: of every table that fills it."""
    place = (holder(table), embedding.property)
    sharing = [each for each in graph.tables if each.embedding and (holder(each), each.embedding.property) == place]
    return tuple(dict.fromkeys(p.name for each in sharing for p in each.properties if p.filterable))


def _ensure_vector_index(
    session: neo4j.Session, table: Table, embedding: Embedding, filterable: tuple[str, ...]
) -> None:
    label = holder(table)
    session.run(cypher.create_vector_index(label, embedding.property, embedding.index, filterable)).consume()
    found = _covering(session, label, embedding)
    if lacking := [name for name in filterable if name not in found["properties"]]:
        raise PreflightError(
            f"vector index {found['name']} was made without the filterable {', '.join(lacking)}; drop it "
            f"(DROP INDEX {found['name']}) and run again, or take the mark from the mapping"
        )


def covering_index(session: neo4j.Session, label: str, embedding: Embedding) -> str:
    """Give the name of the vector index on the embedding, whoever made it; raise `PreflightError` if it misfits."""
    return str(_covering(session, label, embedding)["name"])


def _covering(session: neo4j.Session, label: str, embedding: Embedding) -> dict[str, Any]:
    found = session.run("SHOW VECTOR INDEXES YIELD name, labelsOrTypes, properties, options").data()
    for row in found:
        if label in row["labelsOrTypes"] and embedding.property == row["properties"][0]:
            _check_config(row, label, embedding)
            return row
    name = embedding.index.name
    raise PreflightError(
        f"{label}.{embedding.property} has no vector index (delta-neo4j load makes it); if the name {name} is taken "
        f"by another index, drop that (DROP INDEX {name}) or name another in the mapping"
    )


def _check_config(row: dict[str, Any], label: str, embedding: Embedding) -> None:
    config = row["options"]["indexConfig"]
    wanted = {"vector.dimensions": embedding.index.dimension, "vector.similarity_function": embedding.index.similarity}
    for name, value in wanted.items():
        held = config.get(name)
        if held is not None and str(held).lower() != str(value):
            raise PreflightError(
                f"vector index {row['name']} on {label}.{embedding.property} has {name} = {held}, the mapping "
                f"wants {value}; change the mapping, or drop the index (DROP INDEX {row['name']}) and run again"
            )


def _await_online(session: neo4j.Session, graph: Graph) -> None:
    # MERGE without an index online scans (10,000 rows took 248 s), so this is proved, not assumed. Only the
    # mapping's own labels count: a stranger's broken index is not ours to wait for.
    labels = list({label for label, _ in node_keys(graph)})
    query = (
        "SHOW INDEXES YIELD name, state, labelsOrTypes WHERE state <> 'ONLINE' "
        "AND any(label IN labelsOrTypes WHERE label IN $labels) RETURN name, state"
    )
    deadline = time.monotonic() + ONLINE_TIMEOUT
    while waiting := session.run(query, labels=labels).data():
        failed = [row["name"] for row in waiting if row["state"] == "FAILED"]
        if failed or time.monotonic() > deadline:
            names = ", ".join(failed or [row["name"] for row in waiting])
            raise PreflightError(
                f"these indexes do not come online: {names}; see SHOW INDEXES, drop what failed and run again"
            )
        time.sleep(0.1)
