"""Which bookmarks count as known, if a server says so in its own way or says nothing."""

from __future__ import annotations

import asyncio

from neo4j.exceptions import Neo4jError

from delta_neo4j.graph.bolt import bookmarks
from delta_neo4j.settings.connection import Connection


class _Late:
    """A driver and its session, whose server waits for bookmarks for a shorter time than this package."""

    def session(self, **_):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def run(self, _):
        raise Neo4jError._hydrate_neo4j(code="Neo.TransientError.Transaction.BookmarkTimeout", message="not yet")


def test_a_server_that_gives_up_first_does_not_know_the_bookmark():
    """Its setting may be shorter than five seconds: a session with the bookmark would fail in the same way."""
    assert "does not have this transaction" in asyncio.run(bookmarks._reason(_Late(), "neo4j", "FB:x"))


def test_a_server_that_does_not_answer_says_nothing_about_bookmarks(caplog):
    """The statement that follows tells what is wrong; no line calls the graph an older backup."""
    nobody = Connection("bolt://127.0.0.1:1", "neo4j", "pass-word", "neo4j", 3)
    assert bookmarks.known(nobody, ["FB:x"]) == ("FB:x",)
    assert not caplog.records
