"""The code travels: to workers that have nothing of the project, and through Spark Connect."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.graph_dump import dump
from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT
from tests.support.tables import removal, write

BLOCKER = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"delta_neo4j", "pydantic", "tests", "dev", "load_utils", "removals_spark_loader"}:
            raise ModuleNotFoundError(f"{name} is not on this worker")

sys.meta_path.insert(0, Refuse())
"""

# As on serverless: Python in tasks has no network, Python that runs a micro-batch has.
WITHOUT_NETWORK = """
import sys
from pathlib import Path

def refuse(event, arguments):
    if event == "socket.connect" and arguments[1][1:2] == (PORT,):
        (Path(__file__).parent / "refused").touch()
        raise PermissionError("tasks have no network here")

if any(word in {"pyspark.daemon", "pyspark.worker"} for word in sys.orig_argv):
    sys.addaudithook(refuse)
"""


def _settings(runs, **more):
    return json.dumps(
        {
            "neo4j": {"uri": runs.graph.uri, "username": "neo4j", "password": PASSWORD},
            "embedding": {"embedder": "rest", "url": runs.url},
            "sources": {"": runs.source},
            "state": runs.state,
            **more,
        }
    )


def _bare(folder, program=BLOCKER):
    """Give the environment of a run whose workers start in an empty folder with `program`."""
    (folder / "blocker").mkdir(parents=True)
    (folder / "blocker" / "sitecustomize.py").write_text(program)
    python = str(ROOT / "tests" / "support" / "bare_python.sh")
    return {"PYSPARK_PYTHON": python, "BARE_PYTHON": sys.executable, "BARE_FOLDER": str(folder)}


def _without_network(graph, folder):
    """Give the environment of a run whose tasks are refused Neo4j's port."""
    return _bare(folder, WITHOUT_NETWORK.replace("PORT", str(graph.server.bolt_port)))


def _run(module, settings, **environment):
    command = [sys.executable, "-m", module, settings]
    # A lane whose own session is one of Connect says so in variables that its children would follow.
    kept = ("SPARK_SUBMIT_OPTS",)  # names the archive of Spark's classes
    inherited = {name: value for name, value in os.environ.items() if name in kept or not name.startswith("SPARK_")}
    job = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**inherited, **environment}
    )
    assert job.returncode == 0, job.stderr[-3000:]
    return json.loads(job.stdout.splitlines()[-1])


@pytest.mark.classic
@pytest.mark.every_lane
def test_a_worker_with_neither_the_project_nor_pydantic_runs_the_writer(spark, lts_graph, loads, tmp_path):
    """Workers start in an empty folder and refuse to import either; the load succeeds all the same."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(20)])
    summary = _run("tests.support.load_job", _settings(runs), **_bare(tmp_path / "bare"))
    assert summary["error"] is None
    assert summary["totals"]["outcomes"]["written"] == 20
    assert lts_graph.value("MATCH ()-[r]->() RETURN count(r) AS c") == 40


def test_the_blocker_of_the_bare_worker_blocks(tmp_path):
    """The test above would prove nothing if its workers could import the project."""
    environment = {**os.environ, **_bare(tmp_path)}
    for module in ("delta_neo4j", "pydantic"):
        command = [str(ROOT / "tests" / "support" / "bare_python.sh"), "-c", f"import {module}"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert "is not on this worker" in tried.stderr


@pytest.fixture
def fifty(spark, lts_graph, loads):
    """Give runs of fifty removals, among them a key on two rows, and of a row that becomes a dead letter."""
    runs = loads(lts_graph)
    rows = [removal(n, RMV_REA_TX=f"reason {n % 30}") for n in range(50)]
    write(spark, runs.source, [*rows, removal(7, RMV_TRK_NO="again"), removal(99, time_since_install="long")])
    return runs


def _taken(runs):
    """Give the graph and empty it; the state begins anew."""
    graph = dump(runs.graph.driver)
    runs.graph.empty()
    runs.start_over()
    return graph


@pytest.mark.connect
@pytest.mark.every_lane
def test_a_load_through_connect_equals_the_classic_one(lts_graph, fifty, tmp_path):
    """
    Same rows, a Connect session whose server knows nothing of the project: the same graph and the same sums.

    Where tasks have no network the driver writes; the probe finds it out.
    """
    before = _run("tests.support.load_job", _settings(fifty))
    graph = _taken(fifty)
    assert fifty.succeed()["totals"] == before["totals"]
    assert _taken(fifty) == graph
    (tmp_path / "server").mkdir()
    settings = _settings(fifty, folder=str(tmp_path / "server"))
    summary = _run("tests.support.connect_load", settings, **_without_network(lts_graph, tmp_path / "bare"))
    assert summary["error"] is None
    assert summary["totals"] == before["totals"]
    assert dump(lts_graph.driver) == graph
    assert (tmp_path / "bare" / "blocker" / "refused").exists()


@pytest.mark.classic
@pytest.mark.every_lane
def test_a_classic_load_whose_tasks_are_refused_ends_on_the_driver(lts_graph, fifty, tmp_path):
    """Tasks that never get to Neo4j fail once; then the driver writes the same graph, from bounded parcels."""
    before, graph = fifty.succeed(), _taken(fifty)
    environment = _without_network(lts_graph, tmp_path / "bare")
    summary = _run("tests.support.load_job", _settings(fifty, graph_retry_seconds=1), **environment)
    assert summary["error"] is None
    assert summary["totals"] == before["totals"]
    assert dump(lts_graph.driver) == graph
    assert (tmp_path / "bare" / "blocker" / "refused").exists()
