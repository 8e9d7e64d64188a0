"""What in the graph would refuse a mapping's constraints and indexes: looked for, nothing is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j import schema
from delta_neo4j.cypher import schema as cypher
from delta_neo4j.errors import PreflightError
from delta_neo4j.server import server_version
from delta_neo4j.transactions import one_line, open_driver

if TYPE_CHECKING:
    from collections.abc import Iterator

    import neo4j

    from delta_neo4j.plan import Connection, Embedding, Graph

    Key = tuple[str, tuple[str, ...]]

_UNIQUE = {"UNIQUENESS", "NODE_PROPERTY_UNIQUENESS", "NODE_KEY"}


@dataclass(frozen=True)
class Conflicts:
    """What is in the way: of node keys by (label, property names), of vector indexes by table; and who was asked."""

    server_version: str
    keys: dict[Key, str]
    indexes: dict[str, str]


def find(connection: Connection, graph: Graph) -> Conflicts:
    """Look at the graph's constraints, indexes and twins; raise `PreflightError` where it cannot be asked."""
    version = server_version(connection)
    with open_driver(connection) as driver, driver.session(database=connection.database) as session:
        try:
            keys = dict(_key_conflicts(session, graph))
            return Conflicts(version, keys, dict(_index_conflicts(session, graph)))
        except (Neo4jError, DriverError) as error:
            raise PreflightError(
                f"constraints and indexes cannot be looked at: {one_line(error)}; check that the user may show them, "
                "and that the server is 5.26 or newer"
            ) from error


def _key_conflicts(session: neo4j.Session, graph: Graph) -> Iterator[tuple[Key, str]]:
    constraints = session.run("SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties").data()
    indexes = session.run("SHOW INDEXES YIELD name, type, labelsOrTypes, properties, owningConstraint").data()
    unique = {
        (row["labelsOrTypes"][0], tuple(sorted(row["properties"]))) for row in constraints if row["type"] in _UNIQUE
    }
    taken = {row["name"] for row in (*constraints, *indexes)}
    plain = {
        (row["labelsOrTypes"][0], tuple(row["properties"])): row["name"]
        for row in indexes
        if row["type"] == "RANGE" and row["owningConstraint"] is None
    }
    for label, key in schema.node_keys(graph):
        if (label, tuple(sorted(key))) in unique:
            continue
        name, shown = cypher.constraint_name(label, key), f"{label}({', '.join(key)})"
        if name in taken:
            yield (label, key), f"the name {name} is taken by another rule, so {shown} cannot be made unique"
        elif (label, key) in plain:
            index = plain[label, key]
            yield (label, key), f"{shown} has the index {index}; drop it (DROP INDEX {index}): a constraint brings one"
        elif twins := session.run(cypher.duplicates(label, key)).data():
            named = ", ".join(f"{', '.join(map(str, twin['key']))} ({twin['nodes']} nodes)" for twin in twins)
            yield (label, key), f"{shown} cannot be made unique, the graph holds duplicates: {named}"


def _index_conflicts(session: neo4j.Session, graph: Graph) -> Iterator[tuple[str, str]]:
    indexes = session.run("SHOW INDEXES YIELD name, type, state, labelsOrTypes, properties").data()
    taken = {row["name"] for row in (*indexes, *session.run("SHOW CONSTRAINTS YIELD name").data())}
    for table in graph.tables:
        embedding = table.embedding
        if embedding is None:
            continue
        label = schema.holder(table)
        here = [
            row
            for row in indexes
            if row["type"] == "VECTOR" and label in row["labelsOrTypes"] and row["properties"][0] == embedding.property
        ]
        message = _misfit(session, label, embedding, here) if here else None
        if not here and embedding.index.name in taken:
            message = f"the name {embedding.index.name} is taken by another index or constraint; name another"
        if message:
            yield table.name, message


def _misfit(session: neo4j.Session, label: str, embedding: Embedding, here: list[dict[str, str]]) -> str | None:
    failed = [row["name"] for row in here if row["state"] == "FAILED"]
    if failed:
        return f"vector index {failed[0]} has failed; drop it (DROP INDEX {failed[0]}), a load makes it anew"
    try:
        schema.covering_index(session, label, embedding)
    except PreflightError as error:
        return str(error)
    return None
