"""Real Neo4j servers of both lines, a counting endpoint, and one way to run a load against them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

import pytest
from neo4j import GraphDatabase

from delta_neo4j.loader import load
from delta_neo4j.model import registry
from delta_neo4j.model.weights import minilm_folder
from delta_neo4j.settings import EmbeddingSettings, LoadSettings, Neo4jSettings
from dev.java import find_java
from dev.local_model import ensure_registered, tracking_uri
from dev.model_server import ModelServer
from dev.neo4j_install import CALENDAR_VERSION, DEFAULT_VERSION
from dev.neo4j_server import Neo4jServer
from dev.processes import StackError, free_port
from model_setup import MODEL_NAME
from tests.conftest import LOCAL, ROOT
from tests.support.endpoint import serving

LINES = {"5.26": DEFAULT_VERSION, "2026": CALENDAR_VERSION}
PASSWORD = "a-password-for-tests"


class Graph:
    """A running server and a driver to look at it."""

    def __init__(self, server):
        self.server = server
        self.uri = server.uri
        self.driver = GraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD), notifications_min_severity="OFF")

    def query(self, statement, **parameters):
        """Run a statement and give its records as dictionaries."""
        with self.driver.session(database="neo4j") as session:
            return session.run(statement, parameters).data()

    def value(self, statement, **parameters):
        """Give the only value of the only record."""
        (record,) = self.query(statement, **parameters)
        (value,) = record.values()
        return value

    def empty(self):
        """Remove nodes, relationships, constraints and indexes."""
        self.query("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS")
        for record in self.query("SHOW CONSTRAINTS YIELD name"):
            self.query(f"DROP CONSTRAINT `{record['name']}`")
        for record in self.query("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
            self.query(f"DROP INDEX `{record['name']}`")


def start_server(line, home, lib_root):
    """Start a server of a line on a free port; the caller stops it."""
    server = Neo4jServer(
        home=home,
        version=LINES[line],
        password=PASSWORD,
        bolt_port=free_port(),
        lib_root=lib_root,
        heap="1g",
        pagecache="256m",
        java_home=os.environ.get("NEO4J_JAVA_HOME") if line == "2026" else None,
        settings=("db.temporal.timezone=America/New_York",),  # no moment may depend on where the server stands
        jvm=("-XX:TieredStopAtLevel=1",),  # statements run a few times each: compiling them well does not pay off
    )
    server.install()
    server.start()
    server.wait_ready(120)
    return server


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """Start servers when they are first asked for, by line; all stop at the end."""
    started = {}

    def of(line):
        if line not in started:
            server = start_server(line, tmp_path_factory.mktemp(f"neo4j-{line}"), LOCAL / "neo4j" / "lib")
            started[line] = Graph(server)
        return started[line]

    yield of
    for graph in started.values():
        graph.driver.close()
        graph.server.stop()


@pytest.fixture(params=["5.26", pytest.param("2026", marks=pytest.mark.calendar)])
def graph(request, servers):
    """An empty graph, on each line in turn."""
    found = servers(request.param)
    found.empty()
    return found


@pytest.fixture
def lts_graph(servers):
    """An empty graph on the LTS line, for what does not depend on the server's version."""
    found = servers("5.26")
    found.empty()
    return found


@pytest.fixture
def newest_graph(servers):
    """An empty graph on the newest line that this machine can run: the other half of those tests."""
    try:
        find_java(21, None, os.environ.get("NEO4J_JAVA_HOME"))
    except StackError:
        found = servers("5.26")
    else:
        found = servers("2026")
    found.empty()
    return found


@pytest.fixture
def endpoint():
    """A counting endpoint with true answers until told otherwise."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def model_url(tmp_path_factory):
    """The address of MiniLM served by MLflow, as `make up` serves it."""
    ensure_registered(ROOT)
    home = tmp_path_factory.mktemp("model-server")
    model = f"models:/{MODEL_NAME}@{registry.ALIAS}"
    with ModelServer(model=model, port=free_port(), home=home, tracking_uri=tracking_uri(ROOT)) as server:
        yield server.url


@pytest.fixture(scope="session")
def minilm():
    """MiniLM itself, to hold vectors against."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(minilm_folder()))


@dataclass
class Loads:
    """Runs loads of one state against one graph; keeps what they share."""

    spark: object
    graph: Graph
    url: str
    state: str
    source: str = ""
    options: dict = field(default_factory=dict)

    def settings(self, **changes):
        """Give the settings of a run."""
        values = {
            "neo4j": Neo4jSettings(uri=self.graph.uri, username="neo4j", password=PASSWORD),
            "embedding": EmbeddingSettings(embedder="rest", url=self.url, wait_seconds=5),
            "state": self.state,
            "sources": {"": self.source},
            "graph_retry_seconds": 5,
            **self.options,
            **changes,
        }
        return LoadSettings(**values)

    def start_over(self):
        """Take a new state that knows the same model: its id is part of every content hash."""
        before, self.state = self.state, f"{self.state}-anew"
        shutil.copytree(f"{before}/models", f"{self.state}/models")

    def run(self, hook=None, **changes):
        """Run to the end and give the report, failed or not."""
        return load(self.spark, self.settings(**changes), *([hook] if hook else []))

    def succeed(self, **changes):
        """Run, insist that it succeeded and balanced, and give the summary."""
        report = self.run(**changes)
        assert report.error is None, report.error
        assert report.balanced
        return report.summary()


@pytest.fixture
def loads(spark, endpoint, tmp_path):
    """Make a `Loads` for a graph."""

    def of(graph, **options):
        return Loads(spark, graph, endpoint.url, str(tmp_path / "state"), str(tmp_path / "source"), options)

    return of


@pytest.fixture
def tables(spark, newest_graph, loads, tmp_path):
    """Make loads of a mapping's tables: (mapping text, rows by table, schemas)."""

    def of(mapping, rows, schemas):
        file = tmp_path / "graph.yml"
        file.write_text(mapping)
        for name, data in rows.items():
            spark.createDataFrame(data, schemas[name]).write.format("delta").save(str(tmp_path / name))
        return loads(newest_graph, mapping=str(file), sources={name: str(tmp_path / name) for name in rows})

    return of
