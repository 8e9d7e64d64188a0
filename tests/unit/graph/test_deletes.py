"""A removal that is larger than the server's memory."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import GraphRefusedError
from delta_neo4j.graph import deletes
from delta_neo4j.graph.bolt.transactions import TooLargeError, WriteSession
from delta_neo4j.settings.connection import Connection

CONNECTION = Connection("bolt://127.0.0.1:1", "neo4j", "the-password", "neo4j", 5)


def test_a_removal_too_large_for_the_servers_memory_takes_less_at_a_time(monkeypatch):
    """Down to what fits; it is done when it finds less than it may take."""
    left, sizes = 1_000, []

    def run(_, statement, parameters):
        nonlocal left
        sizes.append(parameters["most"])
        if parameters["most"] > 300:
            raise TooLargeError("TransientError.General.MemoryPoolOutOfMemoryError", "too much")
        taken = min(left, parameters["most"])
        left -= taken
        return [{"rows": taken}]

    monkeypatch.setattr(WriteSession, "run", run)
    assert deletes.in_batches(CONNECTION, "STATEMENT", {}) == 1_000
    assert left == 0
    assert sizes[:3] == [deletes.MOST, deletes.MOST // 4, deletes.MOST // 16]


def test_a_node_too_large_for_the_servers_limits_is_said(monkeypatch):
    """One that does not fit alone: what to raise, and no endless halving."""

    def run(*_):
        raise TooLargeError("ClientError.Transaction.TransactionTimedOut", "slow; raise db.transaction.timeout")

    monkeypatch.setattr(WriteSession, "run", run)
    with pytest.raises(GraphRefusedError, match=r"one node with its edges: slow; raise db\.transaction\.timeout"):
        deletes.in_batches(CONNECTION, "STATEMENT", {})
