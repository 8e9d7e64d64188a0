"""The Neo4j that a benchmark writes to, and a function that empties it between two passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from neo4j import GraphDatabase

if TYPE_CHECKING:
    from neo4j import Driver

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Target:
    """Address, database and user of the Neo4j to write to."""

    uri: str
    user: str
    password: str = field(repr=False)
    database: str = "neo4j"
    embedding_url: str = ""

    def driver(self) -> Driver:
        """Return an open driver; the caller closes it."""
        return GraphDatabase.driver(self.uri, auth=(self.user, self.password), notifications_min_severity="OFF")


def clear_graph(driver: Driver, database: str = "neo4j") -> None:
    """Drop every constraint and every index that somebody made, then delete everything, 10,000 a transaction.

    The vector index goes first and whole: deleted one by one, its old entries would slow the next pass.
    Raises ValueError for a server that is not on the loopback.
    """
    host = driver.get_server_info().address[0]
    if host not in _LOOPBACK:
        raise ValueError(f"{host} is not this machine: benchmarks empty only a Neo4j of their own")
    with driver.session(database=database) as session:
        for name in session.run("SHOW CONSTRAINTS YIELD name").value():
            session.run(f"DROP CONSTRAINT `{name}`").consume()
        # The look-up indexes of labels and types are Neo4j's own.
        for name in session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'").value("name"):
            session.run(f"DROP INDEX `{name}`").consume()
        # Delete relationships by themselves: one hub may have more of them than a transaction has memory for.
        session.run("MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS").consume()
        session.run("MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
