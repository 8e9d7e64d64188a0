"""Which failures of a transaction are the rows' fault, the server's, or of the removal's size."""

from __future__ import annotations

import socket

import pytest
from pyspark import cloudpickle

from delta_neo4j import removal
from delta_neo4j.errors import GraphUnavailableError
from delta_neo4j.graph_rows import travels_with_pass
from delta_neo4j.passes import NodePass
from delta_neo4j.plan import Connection
from delta_neo4j.rows import Bags
from delta_neo4j.shipping import travel_by_value
from delta_neo4j.transactions import RefusedError, TooLargeError, Writer

CONNECTION = Connection("bolt://127.0.0.1:1", "neo4j", "the-password", "neo4j", 5)


class _Session:
    def __init__(self, error):
        self._error = error

    def execute_write(self, _):
        raise self._error


def test_a_name_that_is_not_resolved_is_no_rows_fault():
    """The driver says it with the error that it has for values it cannot pack."""
    error = ValueError("Failed to DNS resolve address graph.example.com:7687")
    error.__cause__ = socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution")
    with pytest.raises(GraphUnavailableError, match="DNS"):
        Writer(_Session(error), {}, 5).run("RETURN 1", {})
    with pytest.raises(RefusedError):
        Writer(_Session(ValueError("surrogates not allowed")), {}, 5).run("RETURN 1", {})


def test_a_removal_too_large_for_the_servers_memory_takes_less_at_a_time(monkeypatch):
    """Down to what fits; it is done when it finds less than it may take."""
    left, sizes = 1_000, []

    def run(_, statement, parameters):
        nonlocal left
        sizes.append(parameters["most"])
        if parameters["most"] > 300:
            raise TooLargeError("Neo.TransientError.General.MemoryPoolOutOfMemoryError")
        taken = min(left, parameters["most"])
        left -= taken
        return [{"rows": taken}]

    monkeypatch.setattr(Writer, "run", run)
    assert removal.in_batches(CONNECTION, "STATEMENT", {}) == 1_000
    assert left == 0
    assert sizes[:3] == [removal.MOST, removal.MOST // 4, removal.MOST // 16]


def test_a_node_too_large_for_the_servers_memory_is_said(monkeypatch):
    """One that does not fit alone: what to raise, and no endless halving."""

    def run(*_):
        raise TooLargeError("Neo.TransientError.General.MemoryPoolOutOfMemoryError")

    monkeypatch.setattr(Writer, "run", run)
    with pytest.raises(GraphUnavailableError, match=r"dbms\.memory\.transaction\.total\.max"):
        removal.in_batches(CONNECTION, "STATEMENT", {})


@pytest.mark.parametrize("dimension", [128, 384, 1536])
def test_a_pass_with_vectors_stays_below_what_spark_puts_on_disk(dimension):
    """Above a megabyte PySpark writes the pickled function to a file, and the password is a part of it."""
    most = max(number for number in range(5_000) if travels_with_pass(number, dimension))
    texts = {f"{number:064x}": (bytes(4 * dimension), 12) for number in range(most)}
    work = NodePass(
        CONNECTION, "S" * 5_000, {}, {}, key_width=1, batch_rows=1, refusals_allowed=0, texts=texts,
        bags=Bags(tuple(f"a property with a long name {number}" for number in range(200))),
    )  # fmt: skip
    travel_by_value()
    packed = cloudpickle.dumps((work, "kind STRING, payload STRING"))
    assert b"the-password" in packed
    assert len(packed) < 1 << 20
