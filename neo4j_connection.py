"""A connection to Neo4j for notebooks, with three methods: `read`, `write`, `close`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

try:
    from delta_neo4j.graph.bolt.session import GraphSession
except ImportError as missing:
    raise SystemExit(
        f"{missing.name or missing} is missing: %pip install delta-neo4j, "
        "or put the delta_neo4j folder beside this file"
    ) from missing

if TYPE_CHECKING:
    from types import TracebackType


class Neo4jConnection:
    """
    A connection to Neo4j, tested when it is created; `close` or the end of a `with` block closes it.

    Raises `RuntimeError("Driver not initialized: …")` with the reason if Neo4j cannot be reached.
    """

    def __init__(self, uri: str, user: str, pwd: str) -> None:
        self._graph = GraphSession(uri, user, pwd)

    def read(self, query: str, parameters: dict[str, Any] | None = None, db: str | None = None) -> list[dict[str, Any]]:
        """Run a reading query and return its records as dictionaries."""
        return self._graph.run(query, parameters, db, writing=False)

    def write(
        self, query: str, parameters: dict[str, Any] | None = None, db: str | None = None
    ) -> list[dict[str, Any]]:
        """Run a writing query in one transaction, retried on transient errors; return its records as in `read`."""
        return self._graph.run(query, parameters, db, writing=True)

    def close(self) -> None:
        """Close the connection; it cannot be used again."""
        self._graph.close()

    def __enter__(self) -> Self:
        """Return this connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()
