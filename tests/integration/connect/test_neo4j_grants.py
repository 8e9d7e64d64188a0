"""The grants for Neo4j, held against a real server's parser: Community parses them and refuses to run them."""

from __future__ import annotations

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import Neo4jError

from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT
from tests.support.role_refusals import REFUSALS

SCRIPT = ROOT / "docs" / "neo4j_grants.cypher"
PARSED = "Neo.ClientError.Statement.UnsupportedAdministrationCommand"
WRONG = "Neo.ClientError.Statement.SyntaxError"


def _statements():
    text = "\n".join(line for line in SCRIPT.read_text().splitlines() if not line.startswith("//"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


@pytest.fixture
def code_of(graph):
    """Give what the server says to a statement that is explained, not run: an error's code, or None."""
    with GraphDatabase.driver(graph.uri, auth=("neo4j", PASSWORD), notifications_min_severity="OFF") as driver:

        def ask(statement):
            try:
                driver.execute_query(f"EXPLAIN {statement}", password="a-new-password", database_="system")
            except Neo4jError as error:
                return error.code
            return None

        yield ask


def test_every_statement_of_the_script_is_one_that_neo4j_knows(code_of):
    """Each parses on both lines; roles are what Community lacks, users it has."""
    said = {statement: code_of(statement) for statement in _statements()}
    assert len(said) > 20
    assert {code for statement, code in said.items() if not statement.startswith("CREATE USER")} == {PARSED}
    assert next(code for statement, code in said.items() if statement.startswith("CREATE USER")) is None


def test_every_remedy_is_a_statement_that_neo4j_knows(code_of):
    """What an error line tells to run parses."""
    assert {code_of(f"{statement} TO delta_loader") for _, statement in REFUSALS} == {PARSED}


def test_a_statement_with_a_slip_is_seen(code_of):
    """The check can fail: a privilege that is none is a syntax error."""
    assert code_of("GRANT SET PROPERTIES {*} ON GRAPH neo4j TO delta_loader") == WRONG
