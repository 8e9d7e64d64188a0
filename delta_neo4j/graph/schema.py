"""The constraints and indexes of a mapping: created before the first row, and waited for until ONLINE."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import GraphUnavailableError, PreflightError
from delta_neo4j.graph import key_conflicts
from delta_neo4j.graph.bolt.queries import StatementError, open_queries
from delta_neo4j.graph.cypher import registry as registry_text
from delta_neo4j.graph.cypher import schema as schema_text
from delta_neo4j.graph.key_conflicts import drop_index
from delta_neo4j.mapping.identifiers import as_typed

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.queries import Queries
    from delta_neo4j.mapping.plan import Embedding, FullText, Mapping, Table
    from delta_neo4j.settings.connection import Connection

FILTERS_SINCE = 2026  # Neo4j 2026.01 and newer can filter a vector index by further properties
ONLINE_TIMEOUT = 600.0  # seconds; an index over an existing graph takes minutes


def ensure(connection: Connection, mapping: Mapping) -> None:
    """
    Create every constraint and index of the mapping and the registry's constraint; wait until all are online.

    Raises `PreflightError` if one cannot be created, differs from an existing one, or failed, and
    `GraphUnavailableError` if one is not online in time.
    """
    with open_queries(connection, retry_seconds=connection.retry_seconds) as session:
        try:
            for label, key in ((registry_text.LABEL, registry_text.KEY), *node_keys(mapping)):
                _ensure_constraint(session, label, key)
            filters = session.server_year >= FILTERS_SINCE
            for table in mapping.tables:
                if table.embedding:
                    names = _filterable(mapping, table, table.embedding) if filters else ()
                    _ensure_vector_index(session, table, table.embedding, names)
                if table.fulltext:
                    session.run(schema_text.create_fulltext_index(table.fulltext))
                    fulltext_index(session, table.fulltext)
            _await_online(session, mapping)
        except StatementError as error:
            otherwise = "check that the user may create and show them, and that the server is 5.26 or newer"
            raise error.preflight_error("constraints and indexes cannot be created", otherwise) from error


def node_keys(mapping: Mapping) -> list[tuple[str, tuple[str, ...]]]:
    """Return (label, key properties) of all nodes that the mapping finds by their key, each pair once."""
    named = [(label, tuple(p.name for p in key)) for table in mapping.tables for label, key in table.keyed_nodes]
    named += [(table.chunks.label, ("chunk_id",)) for table in mapping.tables if table.chunks]
    return list(dict.fromkeys(named))


def holder(table: Table) -> str:
    """Return the label of the nodes that hold a table's vectors."""
    vector_nodes = table.embedding.holder if table.embedding else None
    return vector_nodes.label if vector_nodes else table.labels[0]


def _ensure_constraint(session: Queries, label: str, key: tuple[str, ...]) -> None:
    refusal = ""
    try:
        session.run(schema_text.create_constraint(label, key))
    except StatementError as error:
        if not error.refused:
            raise  # the server or the privileges are the cause: `ensure` adds the remedy
        refusal = f": {error.said}"
    # IF NOT EXISTS also succeeds if another constraint has the name.
    if not key_conflicts.is_unique(session, label, key):
        fault = key_conflicts.conflict(session, label, key)
        raise PreflightError(fault or f"the constraint on {label} cannot be created{refusal}")


def _filterable(mapping: Mapping, table: Table, embedding: Embedding) -> tuple[str, ...]:
    """Return the filterable properties of an embedding's index: those of every table that writes its vectors."""
    place = (holder(table), embedding.property)
    sharing = [each for each in mapping.tables if each.embedding and (holder(each), each.embedding.property) == place]
    return tuple(dict.fromkeys(p.name for each in sharing for p in each.properties if p.filterable))


def _ensure_vector_index(session: Queries, table: Table, embedding: Embedding, filterable: tuple[str, ...]) -> None:
    label = holder(table)
    session.run(schema_text.create_vector_index(label, embedding.property, embedding.index, filterable))
    index = covering_index(session, label, embedding)
    if lacking := [name for name in filterable if name not in index["properties"]]:
        raise PreflightError(
            f"vector index {index['name']} lacks the filterable properties {', '.join(lacking)}; drop it "
            f"({drop_index(index['name'])}) and run again, or remove `filterable` from them in the mapping"
        )


def fulltext_index(session: Queries, fulltext: FullText) -> dict[str, Any]:
    """
    Return the full-text index on the label and the properties, whoever created it: name, state, population.

    Raises `PreflightError` if there is none.
    """
    for row in session.run(schema_text.SHOW_FULLTEXT_INDEXES):
        if fulltext.label in row["labelsOrTypes"] and set(row["properties"]) == set(fulltext.properties):
            return row
    raise PreflightError(
        f"{fulltext.label}({', '.join(fulltext.properties)}) has no full-text index (delta-neo4j load creates it); if "
        f"the name {fulltext.index} is taken by another index, drop that (DROP INDEX {as_typed(fulltext.index)}) or "
        "name another in the mapping"
    )


def covering_index(session: Queries, label: str, embedding: Embedding) -> dict[str, Any]:
    """
    Return the vector index on the embedding's property, whoever created it: name, state, population, properties.

    Raises `PreflightError` if there is none, or if its dimension or similarity differs from the mapping's.
    """
    for row in session.run(schema_text.SHOW_VECTOR_INDEXES):
        if label in row["labelsOrTypes"] and embedding.property == row["properties"][0]:
            _check_config(row, label, embedding)
            return row
    name = embedding.index.name
    found = key_conflicts.taken(name, session.run(schema_text.SHOW_CONSTRAINTS), session.run(schema_text.SHOW_INDEXES))
    what = f"{label}.{embedding.property} has no vector index"
    if found is None:
        raise PreflightError(f"{what}; run delta-neo4j load, which creates it")
    kind, statement = found
    raise PreflightError(
        f"{what}: the name {name} is taken by another {kind}; drop that ({statement}) or name another in the mapping"
    )


def _check_config(row: dict[str, Any], label: str, embedding: Embedding) -> None:
    config = row["options"]["indexConfig"]
    wanted = {"vector.dimensions": embedding.index.dimension, "vector.similarity_function": embedding.index.similarity}
    for name, value in wanted.items():
        actual = config.get(name)
        if actual is not None and str(actual).lower() != str(value):
            raise PreflightError(
                f"vector index {row['name']} on {label}.{embedding.property} has {name} = {actual}, the mapping "
                f"wants {value}; change the mapping, or drop the index ({drop_index(row['name'])}) and run again"
            )


def _await_online(session: Queries, mapping: Mapping) -> None:
    # Without an online index each MERGE scans all nodes: 10,000 rows took 248 s.
    labels = list({label for label, _ in node_keys(mapping)} | {t.fulltext.label for t in mapping.tables if t.fulltext})
    deadline = time.monotonic() + ONLINE_TIMEOUT
    while waiting := session.run(schema_text.SHOW_NOT_ONLINE, labels=labels):
        names = ", ".join(row["name"] for row in waiting)
        if failed := [drop_index(row["name"], row["owningConstraint"]) for row in waiting if row["state"] == "FAILED"]:
            raise PreflightError(f"these indexes failed: {names}; drop them ({'; '.join(failed)}) and run again")
        if time.monotonic() > deadline:
            raise GraphUnavailableError(
                f"Neo4j still builds these indexes after {ONLINE_TIMEOUT:.0f} s: {names}; run again when SHOW INDEXES "
                "says that they are online"
            )
        time.sleep(0.1)
