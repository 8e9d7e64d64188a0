"""A graph that is open for searches of one table, and the checks that its indexes can answer."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import GraphUnavailableError, PreflightError, SettingsError
from delta_neo4j.graph import schema
from delta_neo4j.graph.bolt.queries import Queries, StatementError, open_queries
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.graph.cypher import search as statements
from delta_neo4j.mapping.identifiers import as_typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.mapping.plan import Embedding, FullText, Table
    from delta_neo4j.settings.connection import Connection


@dataclass(frozen=True)
class OpenedGraph:
    """
    A session for the searches of `table`; `version` is the server's, as in (2026, 9).

    Its indexes are looked up once, however many questions it answers.
    """

    queries: Queries
    version: tuple[int, ...]
    table: Table

    def run(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a statement and return its records; raise `PreflightError` in one line if it fails."""
        try:
            return self.queries.run(statement, **parameters)
        except StatementError as error:
            raise error.preflight_error("the graph cannot be searched", "check that the user may read it") from error

    @property
    def embedding(self) -> Embedding:
        """The embedding of the table; raises `SettingsError` if it has none."""
        if self.table.embedding is None:
            raise SettingsError(f"table {self.table.name} has no embedding to search; --mode text searches its texts")
        return self.table.embedding

    @cached_property
    def vector_index(self) -> dict[str, Any]:
        """The vector index of the table, if it can answer; raises as `usable` and `schema.covering_index` do."""
        return usable(schema.covering_index(self.queries, schema.holder(self.table), self.embedding))

    @cached_property
    def vector_nodes(self) -> int:
        """The number of nodes that may have a vector."""
        return int(self.run(statements.holders(self.table))[0]["nodes"])

    @property
    def fulltext(self) -> FullText:
        """The full-text index in the mapping; raises `SettingsError` if the table has none."""
        if self.table.fulltext is None:
            raise SettingsError(
                f"table {self.table.name} has no full-text index: add `fulltext: {{index: NAME}}` to it in the "
                "mapping, then delta-neo4j load creates the index"
            )
        return self.table.fulltext

    @cached_property
    def fulltext_index(self) -> dict[str, Any]:
        """The full-text index of the table, if it can answer; raises as `usable` and `schema.fulltext_index` do."""
        return usable(schema.fulltext_index(self.queries, self.fulltext))


@contextmanager
def opened(connection: Connection, table: Table) -> Iterator[OpenedGraph]:
    """Open the graph for a `with` block; raise `PreflightError` if Neo4j does not answer."""
    version = server_version(connection)  # its errors name the cause: address, password or database
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    with open_queries(connection, reading=True) as queries:
        yield OpenedGraph(queries, numbers, table)


def usable(index: dict[str, Any]) -> dict[str, Any]:
    """
    Return the index (name, state, populationPercent) if it is online.

    Raises `GraphUnavailableError` if Neo4j still fills it, `PreflightError` if it has failed.
    """
    name, state = index["name"], index["state"]
    if state == "POPULATING":
        raise GraphUnavailableError(
            f"index {name} is still populating ({index['populationPercent']:.0f} %): wait until SHOW INDEXES has it "
            "ONLINE, then search again"
        )
    if state != "ONLINE":
        raise PreflightError(
            f"index {name} is {state}: drop it (DROP INDEX {as_typed(name)}), the next load creates it again"
        )
    return index
