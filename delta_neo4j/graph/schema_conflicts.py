"""Finds what in the graph would make Neo4j refuse a mapping's constraints and indexes; it creates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph import key_conflicts, key_types, schema
from delta_neo4j.graph.bolt.queries import StatementError, open_queries
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.graph.cypher import schema as schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.graph.bolt.queries import Queries
    from delta_neo4j.mapping.plan import Embedding, Mapping
    from delta_neo4j.settings.connection import Connection

    Key = tuple[str, tuple[str, ...]]

_NAMES = (schema_text.SHOW_INDEXES, schema_text.SHOW_CONSTRAINTS)


@dataclass(frozen=True)
class Conflicts:
    """Messages about conflicts: with node keys, by (label, property names), and with indexes, by table name."""

    server_version: str
    keys: dict[Key, str]
    indexes: dict[str, str]
    fulltexts: dict[str, str]


def find(connection: Connection, mapping: Mapping) -> Conflicts:
    """
    Compare a mapping with the graph's constraints, indexes and duplicate keys; return the conflicts.

    Raises `PreflightError` if the user may not show constraints and indexes, and what `server_version` raises.
    """
    version = server_version(connection)
    with open_queries(connection) as session:
        try:
            keys = dict(_key_conflicts(session, mapping))
            indexes, fulltexts = dict(_index_conflicts(session, mapping)), dict(_fulltext_conflicts(session, mapping))
            return Conflicts(version, keys, indexes, fulltexts)
        except StatementError as error:
            otherwise = "check that the user may show them, and that the server is 5.26 or newer"
            raise error.preflight_error("constraints and indexes cannot be read", otherwise) from error


def _key_conflicts(session: Queries, mapping: Mapping) -> Iterator[tuple[Key, str]]:
    yield from key_types.faults(session, mapping.tables)
    for label, key in schema.node_keys(mapping):
        if key_conflicts.is_unique(session, label, key):
            continue
        if message := key_conflicts.conflict(session, label, key):
            yield (label, key), message


def _index_conflicts(session: Queries, mapping: Mapping) -> Iterator[tuple[str, str]]:
    constraints, indexes = session.run(schema_text.SHOW_CONSTRAINTS), session.run(schema_text.SHOW_INDEXES)
    for table in mapping.tables:
        embedding = table.embedding
        if embedding is None:
            continue
        label = schema.holder(table)
        on_property = [
            row
            for row in indexes
            if row["type"] == "VECTOR" and label in row["labelsOrTypes"] and row["properties"][0] == embedding.property
        ]
        message = _misfit(session, label, embedding, on_property) if on_property else None
        name = embedding.index.name
        if not on_property and (found := key_conflicts.taken(name, constraints, indexes)):
            message = f"the name {name} is taken by another {found[0]}; drop that ({found[1]}) or name another"
        if message:
            yield table.name, message


def _fulltext_conflicts(session: Queries, mapping: Mapping) -> Iterator[tuple[str, str]]:
    taken = {row["name"] for statement in _NAMES for row in session.run(statement)}
    for table in mapping.tables:
        if table.fulltext and table.fulltext.index in taken:
            try:
                schema.fulltext_index(session, table.fulltext)
            except PreflightError:
                name = table.fulltext.index
                yield table.name, f"the name {name} is taken by another index or constraint; name another"


def _misfit(session: Queries, label: str, embedding: Embedding, indexes: list[dict[str, str]]) -> str | None:
    failed = [row["name"] for row in indexes if row["state"] == "FAILED"]
    if failed:
        drop = key_conflicts.drop_index(failed[0])
        return f"vector index {failed[0]} has failed; drop it ({drop}), the next load creates it again"
    try:
        schema.covering_index(session, label, embedding)
    except PreflightError as error:
        return str(error)
    return None
