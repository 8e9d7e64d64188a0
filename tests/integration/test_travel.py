"""The code travels: to workers that have nothing of the project, and through Spark Connect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import PASSWORD
from tests.support.graph_dump import dump
from tests.support.tables import removal, write

ROOT = Path(__file__).parents[2]

BLOCKER = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"delta_neo4j", "pydantic", "tests", "dev", "load_utils", "removals_spark_loader"}:
            raise ModuleNotFoundError(f"{name} is not on this worker")

sys.meta_path.insert(0, Refuse())
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


def _run(module, settings, **environment):
    command = [sys.executable, "-m", module, settings]
    job = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment}
    )
    assert job.returncode == 0, job.stderr[-3000:]
    return json.loads(job.stdout.splitlines()[-1])


def test_a_worker_with_neither_the_project_nor_pydantic_runs_the_writer(spark, lts_graph, loads, tmp_path):
    """Workers start in an empty folder and refuse to import either; the load succeeds all the same."""
    bare = tmp_path / "bare"
    (bare / "blocker").mkdir(parents=True)
    (bare / "blocker" / "sitecustomize.py").write_text(BLOCKER)
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(20)])
    summary = _run(
        "tests.support.load_job",
        _settings(runs),
        PYSPARK_PYTHON=str(ROOT / "tests" / "support" / "bare_python.sh"),
        BARE_PYTHON=sys.executable,
        BARE_FOLDER=str(bare),
    )
    assert summary["error"] is None
    assert summary["totals"]["outcomes"]["written"] == 20
    assert lts_graph.value("MATCH ()-[r]->() RETURN count(r) AS c") == 40


def test_the_blocker_of_the_bare_worker_blocks(tmp_path):
    """The test above would prove nothing if its workers could import the project."""
    (tmp_path / "blocker").mkdir()
    (tmp_path / "blocker" / "sitecustomize.py").write_text(BLOCKER)
    environment = {**os.environ, "BARE_PYTHON": sys.executable, "BARE_FOLDER": str(tmp_path)}
    for module in ("delta_neo4j", "pydantic"):
        command = [str(ROOT / "tests" / "support" / "bare_python.sh"), "-c", f"import {module}"]
        tried = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert "is not on this worker" in tried.stderr


def test_a_load_through_connect_equals_the_classic_one(spark, lts_graph, loads, tmp_path):
    """Same rows, a Connect session whose server knows nothing of the project: the same graph and the same sums."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n % 30}") for n in range(50)])
    classic = runs.succeed()
    graph = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    folder = tmp_path / "server"
    folder.mkdir()
    summary = _run("tests.support.connect_load", _settings(runs, folder=str(folder)))
    assert summary["error"] is None
    assert summary["totals"] == classic["totals"]
    assert dump(lts_graph.driver) == graph
