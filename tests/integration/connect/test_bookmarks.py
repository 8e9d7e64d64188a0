"""Which bookmarks a real server knows."""

from __future__ import annotations

import base64

from delta_neo4j.graph.bolt import bookmarks
from delta_neo4j.settings.connection import Connection
from tests.support.neo4j_servers import PASSWORD


def _never_reached(bookmark):
    """Give the bookmark of a transaction that the database never has: its number is the largest of four bytes."""
    packed = base64.b64decode(bookmark.removeprefix("FB:") + "==")
    database, other_databases = packed[: 3 + 16], packed[-1:]
    largest = b"\xca\x7f\xff\xff\xff"
    return f"FB:{base64.b64encode(database + largest + other_databases).decode().rstrip('=')}"


def test_a_server_knows_its_transactions_and_each_other_bookmark_is_dropped_with_a_line(graph, caplog):
    """One that the server does not have within five seconds, and one that it cannot read."""
    with graph.driver.session(database="neo4j") as session:
        session.run("CREATE (:Component)").consume()
        (bookmark,) = session.last_bookmarks().raw_values
    newer, connection = _never_reached(bookmark), Connection(graph.uri, "neo4j", PASSWORD)
    assert bookmarks.known(connection, [newer, bookmark, "FB:x"]) == (bookmark,)
    dropped = {record.bookmark: record.reason for record in caplog.records}
    assert dropped.keys() == {newer, "FB:x"}
    assert dropped[newer].startswith("Neo4j does not have this transaction within 5 s")
    assert "bookmark" in dropped["FB:x"]
