"""What `status` shows of the graph: its server, each index of the mapping, and how many nodes have text and vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph import schema
from delta_neo4j.graph.bolt.queries import StatementError, open_queries
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.graph.cypher import coverage as statements
from delta_neo4j.graph.cypher import schema as schema_text

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.queries import Queries
    from delta_neo4j.mapping.plan import Embedding, FullText, Mapping, Table
    from delta_neo4j.settings.connection import Connection

AMONG = 100_000  # nodes of a label that are looked at: a count over millions of vectors takes minutes
SAMPLE, ASKED = 5, 10  # vectors of the self-query, and how many neighbours it asks for


def look(connection: Connection, mapping: Mapping) -> dict[str, Any]:
    """
    Return the server's version, the address and the indexes of the mapping, as values for JSON.

    Raises `LoaderError` in one line if Neo4j cannot be reached or read.
    """
    version = server_version(connection)
    with open_queries(connection, reading=True) as queries:
        try:
            indexes = [*_keys(queries, mapping), *(each for t in mapping.tables for each in _indexes(queries, t))]
        except StatementError as error:
            raise error.preflight_error("the graph cannot be read", "check that the user may read it") from error
    return {"server": version, "uri": connection.uri, "database": connection.database, "indexes": indexes}


def _keys(queries: Queries, mapping: Mapping) -> list[dict[str, Any]]:
    found = queries.run(schema_text.SHOW_INDEXES)
    keys = []
    for label, key in schema.node_keys(mapping):
        of_key = [
            row for row in found
            if row["owningConstraint"] and row["labelsOrTypes"] == [label] and set(row["properties"]) == set(key)
        ]  # fmt: skip
        name, state = (of_key[0]["name"], of_key[0]["state"]) if of_key else (None, "MISSING")
        (count,) = queries.run(statements.nodes(label))
        row = {"kind": "key", "name": name, "label": label, "properties": list(key), "state": state}
        keys.append({**row, "nodes": count["nodes"]})
    return keys


def _indexes(queries: Queries, table: Table) -> list[dict[str, Any]]:
    found = [_vector_index(queries, table, table.embedding)] if table.embedding else []
    return [*found, *([_fulltext_index(queries, table.fulltext)] if table.fulltext else [])]


def _vector_index(queries: Queries, table: Table, embedding: Embedding) -> dict[str, Any]:
    label, dimension = schema.holder(table), embedding.index.dimension
    shown: dict[str, Any] = {"kind": "vector", "name": embedding.index.name, "label": label}
    (count,) = queries.run(statements.nodes(label))
    (covered,) = queries.run(statements.coverage(label, embedding.property, table.shown_text), among=AMONG)
    if not (table.has_text and table.shown_text):
        covered["with_text"] = covered["vector_missing"] = None  # a template's text is no property of a node
    shown |= {"properties": [embedding.property], "state": "MISSING", "dimension": dimension, **count, **covered}
    shown |= {"self_query": None, "fault": None}
    try:
        index = schema.covering_index(queries, label, embedding)
    except PreflightError as error:
        if isinstance(error, StatementError):
            raise
        return {**shown, "fault": str(error)}
    shown |= {"name": index["name"], "state": index["state"], "populated": index["populationPercent"]}
    if index["state"] == "ONLINE":
        asked = {"index": index["name"], "among": AMONG, "most": SAMPLE, "asked": ASKED}
        (shown["self_query"],) = queries.run(statements.self_query(label, embedding), **asked)
    return shown


def _fulltext_index(queries: Queries, fulltext: FullText) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": "fulltext", "name": fulltext.index, "label": fulltext.label}
    (count,) = queries.run(statements.nodes(fulltext.label))
    shown["properties"] = [*fulltext.properties]
    try:
        index = schema.fulltext_index(queries, fulltext)
    except PreflightError as error:
        if isinstance(error, StatementError):
            raise
        return {**shown, **count, "state": "MISSING", "fault": str(error)}
    return {**shown, **count, "name": index["name"], "state": index["state"], "populated": index["populationPercent"]}
