"""The connection to Neo4j as plain values, which travel to Spark tasks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Connection:
    """
    Address, user, password and database of the graph; `repr` hides the password.

    Single statements see the writes of the transactions behind `bookmarks`.
    """

    uri: str
    username: str
    password: str = field(repr=False)
    database: str = "neo4j"
    retry_seconds: float = 300.0  # how long to retry deadlocks, leader switches and restarts
    bookmarks: tuple[str, ...] = ()
