"""A tested connection to Neo4j for a user's own queries, as in the quick start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import LoaderError
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.graph.bolt.transactions import open_driver
from delta_neo4j.settings.connection import Connection

if TYPE_CHECKING:
    import neo4j


class GraphSession:
    """A driver whose connection was tested. Raises `RuntimeError` if it cannot connect, or is used after `close`."""

    def __init__(self, uri: str, username: str, password: str) -> None:
        connection = Connection(uri, username, password, database="", retry_seconds=30.0)
        try:
            server_version(connection)
        except LoaderError as error:
            raise RuntimeError(f"Driver not initialized: {error}") from error
        self._driver: neo4j.Driver | None = open_driver(connection)

    def run(
        self, query: str, parameters: dict[str, Any] | None, database: str | None, *, writing: bool
    ) -> list[dict[str, Any]]:
        """Run one query in a managed transaction and return its records as dictionaries."""
        if self._driver is None:
            raise RuntimeError("Driver not initialized: the connection was closed")
        with self._driver.session(database=database) as session:
            execute = session.execute_write if writing else session.execute_read
            return execute(lambda transaction: transaction.run(query, parameters or {}).data())

    def close(self) -> None:
        """Close the driver; closing twice is harmless."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
