"""A statement outside the passes: what passes is tried again, what does not is one line."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from neo4j.exceptions import ClientError, Neo4jError, TransientError

from delta_neo4j.graph.bolt.queries import Queries, StatementError


class _Session:
    """Fails with the errors that it is given, then answers; counts the statements."""

    def __init__(self, *errors):
        self.errors, self.sent = list(errors), 0

    def run(self, statement, parameters):
        self.sent += 1
        if self.errors:
            raise self.errors.pop(0)
        return SimpleNamespace(data=lambda: [{"found": 1}])


def _created_meanwhile():
    return Neo4jError._hydrate_neo4j(
        code="Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", message="An equivalent index already exists"
    )


@pytest.mark.parametrize("error", [TransientError("deadlock"), _created_meanwhile()], ids=["deadlock", "exists"])
def test_a_statement_that_meets_another_runs_is_repeated(error):
    """Two first runs create the same constraints and indexes; Neo4j rolls one statement back."""
    session = _Session(error)
    assert Queries(None, session, "neo4j").run("CREATE CONSTRAINT") == [{"found": 1}]
    assert session.sent == 2


def test_a_statement_that_neo4j_refuses_is_not_repeated():
    """It would be refused again."""
    session = _Session(ClientError("syntax"))
    with pytest.raises(StatementError):
        Queries(None, session, "neo4j").run("CREATE NONSENSE")
    assert session.sent == 1
