"""What users of the original guide type, run as they type it; `dbutils` and the scope are stand-ins."""

from __future__ import annotations

import re
import textwrap

import pytest

from tests.support.dbutils import Dbutils
from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT

CONNECT = """
    from load_utils import load_config, test_neo4j_connection, neo4j_driver
    config = load_config(dbutils, "airline-neo4j-secrets")
    if not test_neo4j_connection(config):
        raise Exception("Cannot connect to Neo4j!")
    with neo4j_driver(config) as driver:
        with driver.session(database=config.database) as session:
            print(session.run("MATCH (n) RETURN count(n) AS count").single()["count"])
"""
BY_HAND = """
    host = dbutils.secrets.get(scope="airline-neo4j-secrets", key="host")
    protocol = dbutils.secrets.get(scope="airline-neo4j-secrets", key="protocol")
    user = dbutils.secrets.get(scope="airline-neo4j-secrets", key="username")
    password = dbutils.secrets.get(scope="airline-neo4j-secrets", key="password")
    database = dbutils.secrets.get(scope="airline-neo4j-secrets", key="database")
    url = f"{protocol}://{host}"

    from neo4j_connection import Neo4jConnection
    conn = Neo4jConnection(uri=url, user=user, pwd=password)
    print(conn.read("MATCH (n) RETURN count(n) AS count", db=database))
    conn.write("CREATE (n:Test {name: $name})", parameters={"name": "example"}, db=database)
    print(conn.read("MATCH (n) RETURN count(n) AS count", db=database))
    conn.close()
"""


@pytest.fixture
def notebook(lts_graph):
    """The names a notebook has: `dbutils`, with the scope that setup_secrets.sh writes."""
    scheme, host = lts_graph.uri.split("://")
    keys = {"host": host, "username": "neo4j", "password": PASSWORD, "database": "neo4j", "protocol": scheme}
    return {"dbutils": Dbutils({"airline-neo4j-secrets": keys})}


def _type(cell, names):
    exec(compile(textwrap.dedent(cell), "cell", "exec"), names)  # noqa: S102  # it is what a notebook does


def test_the_helpers_connect(notebook, capsys):
    """`load_config`, `test_neo4j_connection` and `neo4j_driver` as the guide has them."""
    _type(CONNECT, notebook)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("connected to Neo4j 5.26")
    assert said[1] == "0"


def test_the_connection_class_reads_and_writes(notebook, capsys):
    """The five secrets one by one, and `Neo4jConnection` as the guide has it."""
    _type(BY_HAND, notebook)
    assert capsys.readouterr().out.splitlines() == ["[{'count': 0}]", "[{'count': 1}]"]


def test_a_connection_that_is_closed_says_so(notebook):
    """The guide's class used after `close`."""
    cell = BY_HAND + '    conn.read("RETURN 1")\n'
    with pytest.raises(RuntimeError, match="Driver not initialized: the connection was closed"):
        _type(cell, notebook)


def test_the_sample_table_of_the_page_fits_the_shipped_mapping(spark):
    """The SQL of docs/databricks.md makes a table that preflight takes, with as many texts as the page says."""
    from dataclasses import replace

    from delta_neo4j.mapping.file import read_mapping
    from delta_neo4j.runs import preflight

    page = (ROOT / "docs" / "databricks.md").read_text()
    (block,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    spark.sql("CREATE SCHEMA IF NOT EXISTS dn_page")
    statement = next(part for part in block.split(";") if "CREATE TABLE" in part)
    spark.sql(statement.replace("airline_test.airline_test_lakehouse.", "spark_catalog.dn_page."))
    (table,) = read_mapping("removals").tables
    name = "spark_catalog.dn_page.nodes_removals_large"
    preflight.check_source(spark, replace(table, source=name))
    rows = spark.table(name)
    assert rows.count() == 1000
    texts = {row[0] for row in rows.select("RMV_REA_TX").distinct().collect()}
    assert len(texts) == 20
    assert "Oil leak at fuel pump" in texts
