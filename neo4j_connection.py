"""A connection to Neo4j in the three calls of the quick start: `read`, `write`, `close`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

try:
    from delta_neo4j.graph import GraphSession
except ImportError as missing:
    raise SystemExit(
        f"{missing.name or missing} is missing: %pip install delta-neo4j, "
        "or put the delta_neo4j folder beside this file"
    ) from missing

if TYPE_CHECKING:
    from types import TracebackType


class Neo4jConnection:
    """
    A connection that is proved when it is made, and closed by `close` or the end of a `with`.

    Raises `RuntimeError("Driver not initialized: …")` with the reason when Neo4j cannot be reached.
    """

    def __init__(self, uri: str, user: str, pwd: str) -> None:
        self._graph = GraphSession(uri, user, pwd)

    def read(self, query: str, parameters: dict[str, Any] | None = None, db: str | None = None) -> list[dict[str, Any]]:
        """Run a reading query and give its records as dictionaries."""
        return self._graph.run(query, parameters, db, writing=False)

    def write(
        self, query: str, parameters: dict[str, Any] | None = None, db: str | None = None
    ) -> list[dict[str, Any]]:
        """Run a writing query in one transaction, retried where Neo4j says it may, and give its records."""
        return self._graph.run(query, parameters, db, writing=True)

    def close(self) -> None:
        """Close the connection; it cannot be used again."""
        self._graph.close()

    def __enter__(self) -> Self:
        """Give the connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
