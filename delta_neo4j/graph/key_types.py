"""The types that the keys of a graph's nodes have, compared with those that a mapping writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph.bolt.queries import StatementError, open_queries
from delta_neo4j.graph.cypher import schema as schema_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.graph.bolt.queries import Queries
    from delta_neo4j.mapping.plan import Property, Table
    from delta_neo4j.settings.connection import Connection

    Key = tuple[str, tuple[str, ...]]

AMONG = 1_000  # nodes of a label that are looked at
_IN_NEO4J = {
    "string": "STRING", "integer": "INTEGER", "boolean": "BOOLEAN", "date": "DATE", "datetime": "ZONED DATETIME",
    "local_datetime": "LOCAL DATETIME",
}  # fmt: skip
_IN_MAPPING = {name: type_ for type_, name in _IN_NEO4J.items()}


def check(connection: Connection, tables: Iterable[Table]) -> None:
    """
    Raise `PreflightError` if no row could find the nodes that a label has: their keys have other types.

    An integer 1 and a text '1' are two keys, so every row would make a second node. Only the first nodes of a label are
    looked at; one of them with the mapping's types is enough.
    """
    with open_queries(connection) as session:
        try:
            found = next((message for _, message in faults(session, tables)), None)
        except StatementError as error:
            raise error.preflight_error("the graph's keys cannot be read", "check that the user may read it") from error
    if found:
        raise PreflightError(found)


def faults(session: Queries, tables: Iterable[Table]) -> Iterator[tuple[Key, str]]:
    """Yield each key of the mapping that has other types in the graph, with one line on it."""
    for label, key in dict.fromkeys(node for table in tables for node in table.keyed_nodes):
        names = tuple(part.name for part in key)
        held = session.run(schema_text.key_types(label, names), among=AMONG)
        types = [[_named(name) for name in row["types"]] for row in held]
        wanted = [_IN_NEO4J.get(part.type, part.type) for part in key]
        if types and wanted not in types:
            yield (label, names), _line(label, key, types[0], held[0]["example"])


def _named(type_: str) -> str:
    name = type_.removesuffix(" NOT NULL")
    return "INTEGER" if name == "FLOAT" else name  # Neo4j finds the key 1.0 by 1


def _line(label: str, key: tuple[Property, ...], types: list[str], example: list[object]) -> str:
    part, held, value = next(
        each for each in zip(key, types, example, strict=True) if each[1] != _IN_NEO4J.get(each[0].type)
    )
    remedy = f"write type {_IN_MAPPING[held]} in the mapping, or " if held in _IN_MAPPING else ""
    return (
        f"the graph's {label} nodes have {part.name} as {held} ({value!r}), the mapping writes {part.type}: no row "
        f"would find its node, and each would make a second one; {remedy}change the nodes"
    )
