"""The console where only the wheel's own dependencies are installed: one bare process answers for all tests."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from delta_neo4j.cli.console import cli
from tests.support.places import ROOT

PROGRAM = """
import contextlib, importlib, io, json, sys


class Refuse:
    names = {"pyspark", "delta", "pyarrow", "numpy", "pandas", "mlflow", "torch"}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(name)


def run(*arguments):
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as ended:
            code = ended.code
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


sys.meta_path.insert(0, Refuse())
from delta_neo4j.cli.console import cli, main

answers = {name + " --help": run(name, "--help") for name in cli.commands}
Refuse.names = {"pyspark", "delta"}
for name in ("api", "runs.golden", "embedding.in_process", "embedding.rest.embedder", "settings.collect"):
    importlib.import_module("delta_neo4j." + name)
for line in ("load --json", "plan", "status --state a.b"):
    answers[line] = run(*line.split())
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The process that has no pyspark, after its end."""
    variables = {
        "NEO4J_URI": "bolt://127.0.0.1:1", "NEO4J_USERNAME": "u", "NEO4J_PASSWORD": "p", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path_factory.mktemp("bare"), env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _answer(bare, line):
    assert bare.returncode == 0, bare.stderr
    return json.loads(bare.stdout)[line]


def test_search_needs_no_pyspark(bare):
    """What `delta-neo4j search` imports works where no Spark is installed."""
    assert bare.returncode == 0, bare.stderr


@pytest.mark.parametrize("command", cli.commands)
def test_help_needs_no_pyspark(bare, command):
    """`--help` of every command works without Spark, numpy and the model's libraries."""
    answer = _answer(bare, f"{command} --help")
    assert (answer["code"], answer["err"]) == (0, "")
    assert f"{command} [OPTIONS]" in answer["out"]


@pytest.mark.parametrize("line", ["load --json", "plan", "status --state a.b"])
def test_without_pyspark_a_command_says_so(bare, line):
    """One line with what to install and exit code 2, never a trace; a run's summary is printed as ever."""
    answer = _answer(bare, line)
    assert answer["code"] == 2
    assert "pyspark is missing; install it with pip install 'delta-neo4j[spark]'" in answer["err"]
    assert "Traceback" not in answer["err"]
    assert line != "load --json" or '"exit_code": 2' in answer["out"].splitlines()[-1]
