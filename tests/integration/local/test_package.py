"""The wheel as others install it: into an empty environment, with the pinned versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from delta_neo4j.cli.console import cli
from tests.support.neo4j_servers import PASSWORD
from tests.support.places import ROOT
from tests.support.tables import removal, write

UV = Path(sys.executable).with_name("uv")


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that the repository stays clean."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("delta_neo4j", "mappings"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _run(UV, "build", "--quiet", "--wheel", "--out-dir", built, source)
    (found,) = built.glob("delta_neo4j-*.whl")
    return found


def _environment(folder, wheel, extra=""):
    """Make an environment with nothing but the wheel and what it asks for; give its command."""
    _run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    pins = ["--constraints", ROOT / "constraints" / "main.txt"]
    _run(UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", *pins, f"{wheel}{extra}")
    return folder / "bin" / "delta-neo4j"


def _variables(**changes):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYSPARK", "PYTHONPATH"))}
    return kept | changes


def test_the_wheel_alone_lists_every_command_and_hides_secrets(wheel, tmp_path):
    """Nothing heavy comes with it; every command is listed; what `status` shows of a password is three stars."""
    command = _environment(tmp_path / "venv", wheel)
    installed = _run(UV, "pip", "list", "--quiet", "--python", tmp_path / "venv" / "bin" / "python", "--format", "json")
    names = {package["name"] for package in json.loads(installed)}
    assert names.isdisjoint({"pyspark", "numpy", "pandas", "pyarrow", "torch", "mlflow"})
    shown = _run(command, "--help", cwd=tmp_path)
    assert [name for name in cli.commands if f"\n  {name} " not in shown] == []
    settings = _run(command, "status", "--settings", cwd=tmp_path, env=_variables(NEO4J_PASSWORD="pass-word"))
    assert "***" in settings
    assert "pass-word" not in settings


@pytest.mark.deep
def test_the_wheel_with_spark_loads(wheel, tmp_path, spark, lts_graph, endpoint):
    """With the `spark` extra, and nothing else, the command loads a table."""
    command = _environment(tmp_path / "venv", wheel, "[spark]")
    write(spark, tmp_path / "source", [removal(n) for n in range(10)])
    told = {
        "NEO4J_URI": lts_graph.uri,
        "NEO4J_USERNAME": "neo4j",
        "NEO4J_PASSWORD": PASSWORD,
        "EMBEDDING_URL": endpoint.url,
        "EMBEDDER": "rest",
    }
    shown = _run(command, "load", "--json", "--source", tmp_path / "source", cwd=tmp_path, env=_variables(**told))
    summary = json.loads(shown.splitlines()[-1])
    assert summary["balanced"]
    assert summary["totals"]["outcomes"]["written"] == 10
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 10
