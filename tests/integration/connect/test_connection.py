"""The quick start's connection snippets, against a real server and a stand-in `dbutils`."""

from __future__ import annotations

import pytest

from load_utils import load_config, test_neo4j_connection
from neo4j_connection import Neo4jConnection
from tests.support.dbutils import Dbutils
from tests.support.neo4j_servers import PASSWORD


@pytest.fixture
def dbutils(lts_graph):
    """A workspace whose default scope points at the test server."""
    host = lts_graph.uri.removeprefix("bolt://")
    scope = {"host": host, "username": "neo4j", "password": PASSWORD, "protocol": "bolt"}
    return Dbutils({"airline-neo4j-secrets": scope})


def test_load_config_reads_the_scope(dbutils):
    """Host, user name, password and protocol from the scope; the database defaults to neo4j."""
    config = load_config(dbutils, "airline-neo4j-secrets")
    assert (config.username, config.password, config.database, config.protocol) == ("neo4j", PASSWORD, "neo4j", "bolt")
    assert config.uri == f"bolt://{config.host}"
    assert PASSWORD not in repr(config)


def test_the_connection_test_tells_good_from_bad(dbutils, capsys):
    """True with the right password; False, with the reason printed, with a wrong one."""
    config = load_config(dbutils, "airline-neo4j-secrets")
    assert test_neo4j_connection(config) is True
    dbutils.secrets._scopes["airline-neo4j-secrets"]["password"] = "wrong-password"
    assert test_neo4j_connection(load_config(dbutils, "airline-neo4j-secrets")) is False
    assert "refused the user name or password" in capsys.readouterr().out


def test_a_connection_closes_with_its_block(lts_graph):
    """`with Neo4jConnection(…) as conn` closes at the end."""
    with Neo4jConnection(uri=lts_graph.uri, user="neo4j", pwd=PASSWORD) as conn:
        assert conn.read("RETURN 1 AS one") == [{"one": 1}]
    with pytest.raises(RuntimeError, match="Driver not initialized"):
        conn.read("RETURN 1")


def test_a_connection_that_fails_says_why(lts_graph):
    """The words people search for, and the reason behind them."""
    with pytest.raises(RuntimeError, match=r"Driver not initialized: .*refused the user name or password"):
        Neo4jConnection(uri=lts_graph.uri, user="neo4j", pwd="wrong-password")
    with pytest.raises(RuntimeError, match=r"Driver not initialized: .*does not answer"):
        Neo4jConnection(uri="bolt://127.0.0.1:1", user="neo4j", pwd="x")
