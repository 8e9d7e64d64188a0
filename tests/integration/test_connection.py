"""The quick start's connection snippets, against a real server and a stand-in `dbutils`."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import SettingsError
from load_utils import load_config, neo4j_driver, test_neo4j_connection
from neo4j_connection import Neo4jConnection
from tests.integration.conftest import PASSWORD
from tests.unit.test_config import Utilities


@pytest.fixture
def dbutils(lts_graph):
    """A workspace whose default scope points at the test server."""
    host = lts_graph.uri.removeprefix("bolt://")
    scope = {"host": host, "username": "neo4j", "password": PASSWORD, "protocol": "bolt"}
    return Utilities(**{"airline-neo4j-secrets": scope})


def test_load_config_reads_the_scope(dbutils):
    """Host, user name, password and protocol from the scope; the database defaults to neo4j."""
    config = load_config(dbutils, "airline-neo4j-secrets")
    assert (config.username, config.password, config.database, config.protocol) == ("neo4j", PASSWORD, "neo4j", "bolt")
    assert config.uri == f"bolt://{config.host}"
    assert PASSWORD not in repr(config)


def test_the_protocol_defaults_to_aura():
    """Without a protocol the address is an encrypted, routed one."""
    scope = {"host": "x.databases.neo4j.io", "username": "u", "password": "p"}
    assert load_config(Utilities(s=scope), "s").uri == "neo4j+s://x.databases.neo4j.io"


def test_a_missing_key_is_named():
    """The line says which value is missing."""
    with pytest.raises(SettingsError, match="NEO4J_PASSWORD"):
        load_config(Utilities(s={"host": "h", "username": "u"}), "s")


def test_the_connection_test_tells_good_from_bad(dbutils, capsys):
    """True with the right password; False, with the reason printed, with a wrong one."""
    config = load_config(dbutils, "airline-neo4j-secrets")
    assert test_neo4j_connection(config) is True
    dbutils.secrets._scopes["airline-neo4j-secrets"]["password"] = "wrong-password"
    assert test_neo4j_connection(load_config(dbutils, "airline-neo4j-secrets")) is False
    assert "refused the user name or password" in capsys.readouterr().out


def test_the_driver_is_a_context_manager(dbutils):
    """The guide's snippet: a session on the configured database counts nodes."""
    config = load_config(dbutils, "airline-neo4j-secrets")
    with neo4j_driver(config) as driver, driver.session(database=config.database) as session:
        assert session.run("MATCH (n) RETURN count(n) AS count").single()["count"] == 0


def test_a_connection_reads_and_writes(lts_graph):
    """The guide's snippet: `write` with parameters, `read` as a list of dicts, `close`."""
    conn = Neo4jConnection(uri=lts_graph.uri, user="neo4j", pwd=PASSWORD)
    conn.write("CREATE (n:Test {name: $name})", parameters={"name": "example"}, db="neo4j")
    assert conn.read("MATCH (n) RETURN count(n) AS count", db="neo4j") == [{"count": 1}]
    conn.close()
    with pytest.raises(RuntimeError, match="Driver not initialized"):
        conn.read("RETURN 1")


def test_a_connection_of_secrets_read_one_by_one(dbutils):
    """The guide's snippet: each key by `dbutils.secrets.get`, the address put together by hand."""
    host, user, password, protocol = (
        dbutils.secrets.get(scope="airline-neo4j-secrets", key=key)
        for key in ("host", "username", "password", "protocol")
    )
    url = f"{protocol}://{host}"
    conn = Neo4jConnection(uri=url, user=user, pwd=password)
    assert conn.read("MATCH (n) RETURN count(n) AS count", db="neo4j") == [{"count": 0}]
    conn.close()


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


@pytest.mark.parametrize("uri", ["bolt://127.0.0.1:abc", "host", "bolt://127.0.0.1:1?policy=x", "", None])
def test_an_address_that_is_none_is_said_in_the_same_words(uri):
    """What the driver would raise for it differs; a notebook waits for one error."""
    with pytest.raises(RuntimeError, match=r"Driver not initialized: .*looks like neo4j\+s://HOST"):
        Neo4jConnection(uri=uri, user="neo4j", pwd="x")
