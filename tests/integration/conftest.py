"""Real Neo4j servers of both lines, a counting endpoint, and one way to run a load against them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

import pytest

from delta_neo4j.embedding.minilm import registry
from delta_neo4j.embedding.minilm.weights import minilm_folder
from delta_neo4j.pipeline.step import no_hook
from delta_neo4j.runs.load import load
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.settings.values import EmbeddingSettings, LoadSettings, Neo4jSettings
from dev.java import find_java
from dev.local_model import ensure_registered, tracking_uri
from dev.model_server import ModelServer
from dev.processes import StackError, free_port
from model_setup import MODEL_NAME
from tests.support.endpoint import serving
from tests.support.neo4j_servers import PASSWORD, Graph, start_server
from tests.support.ownership import THEIRS
from tests.support.places import LOCAL, ROOT
from tests.support.tables import removal, write


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """Start servers when they are first asked for, by line and further settings; all stop at the end."""
    started = {}

    def of(*kind):
        if kind not in started:
            line, *settings = kind
            server = start_server(line, tmp_path_factory.mktemp(f"neo4j-{line}"), LOCAL / "neo4j" / "lib", *settings)
            started[kind] = Graph(server)
        return started[kind]

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

    def run(self, hook=no_hook, limits=LIMITS, **changes):
        """Run to the end and give the report, failed or not."""
        return load(self.spark, self.settings(**changes), hook, limits=limits)

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


@pytest.fixture
def loaded(spark, lts_graph, loads):
    """Thirty removals in the graph, and what others added to them."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(30)])
    runs.succeed()
    lts_graph.query(THEIRS)
    return runs


@pytest.fixture
def env_file(tmp_path, lts_graph, endpoint):
    """An env file as `make up` writes it."""
    file = tmp_path / "services.env"
    file.write_text(
        f"NEO4J_URI={lts_graph.uri}\nNEO4J_USERNAME=neo4j\nNEO4J_PASSWORD={PASSWORD}\nEMBEDDER=rest\n"
        f"EMBEDDING_URL={endpoint.url}\n"
    )
    return file
