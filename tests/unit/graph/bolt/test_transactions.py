"""Which failures of a transaction are the rows' fault, and which the server's."""

from __future__ import annotations

import socket

import pytest

from delta_neo4j.errors import GraphUnavailableError
from delta_neo4j.graph.bolt.transactions import RefusedError, WriteSession


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
        WriteSession(_Session(error), {}, 0).run("RETURN 1", {})
    with pytest.raises(RefusedError):
        WriteSession(_Session(ValueError("surrogates not allowed")), {}, 5).run("RETURN 1", {})
