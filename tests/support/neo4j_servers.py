"""Real Neo4j servers of both lines on free ports, and a driver to look at each."""

from __future__ import annotations

import os

from neo4j import GraphDatabase

from dev.neo4j_install import CALENDAR_VERSION, DEFAULT_VERSION
from dev.neo4j_server import Neo4jServer
from dev.processes import free_port

LINES = {"5.26": DEFAULT_VERSION, "2026": CALENDAR_VERSION}


PASSWORD = "a-password-for-tests"


class Graph:
    """A running server and a driver to look at it."""

    def __init__(self, server):
        self.server = server
        self.uri = server.uri
        self.driver = GraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD), notifications_min_severity="OFF")

    def query(self, statement, **parameters):
        """Run a statement and give its records as dictionaries."""
        with self.driver.session(database="neo4j") as session:
            return session.run(statement, parameters).data()

    def value(self, statement, **parameters):
        """Give the only value of the only record."""
        (record,) = self.query(statement, **parameters)
        (value,) = record.values()
        return value

    def empty(self):
        """Remove nodes, relationships, constraints and indexes."""
        self.query("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS")
        for record in self.query("SHOW CONSTRAINTS YIELD name"):
            self.query(f"DROP CONSTRAINT `{record['name']}`")
        for record in self.query("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
            self.query(f"DROP INDEX `{record['name']}`")


def start_server(line, home, lib_root, *settings):
    """Start a server of a line on a free port, with further settings; the caller stops it."""
    server = Neo4jServer(
        home=home,
        version=LINES[line],
        password=PASSWORD,
        bolt_port=free_port(),
        lib_root=lib_root,
        heap="1g",
        pagecache="256m",
        java_home=os.environ.get("NEO4J_JAVA_HOME") if line == "2026" else None,
        # No moment may depend on where the server stands.
        settings=("db.temporal.timezone=America/New_York", *settings),
        # Statements run a few times each: compiling them well does not pay off. But that alone would leave too little
        # room for compiled code.
        jvm=("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m"),
    )
    server.install()
    server.start()
    server.wait_ready(120)
    return server
