"""`delta-neo4j status`: settings with their sources, and the runs of a state."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import types

import pytest

from delta_neo4j.cli.console import main
from delta_neo4j.cli.status import _run_line as run_line
from delta_neo4j.runs import status
from tests.support.places import ROOT

RUNTIME = """
class _Key:
    def __init__(self, key):
        self.key = key


class _Secrets:
    held = {"host": "x.databases.neo4j.io", "username": "neo4j", "password": "scope-pass"}

    def list(self, scope):
        if scope != "airline-neo4j-secrets":
            raise RuntimeError(f"Scope {scope} does not exist!")
        return [_Key(key) for key in self.held]

    def get(self, scope, key):
        return self.held[key]


class dbutils:
    secrets = _Secrets()
"""


@pytest.fixture
def task(tmp_path):
    """Run a command as a `spark_python_task` does: `dbutils` is not handed over, the SDK's runtime module has it."""
    package = tmp_path / "databricks" / "sdk"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "runtime.py").write_text(RUNTIME)
    environment = {name: value for name, value in os.environ.items() if name != "SECRET_SCOPE"}
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"

    def run(*arguments, **variables):
        command = [sys.executable, "-m", "delta_neo4j", "status", "--settings", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment | variables, check=False
        )

    return run


def test_the_settings_are_shown_with_their_sources_and_no_secret(task, tmp_path):
    """Flag, environment, env file, secret scope and default are told apart; a secret is three stars."""
    (tmp_path / ".env").write_text(
        "EMBEDDING_URL=http://me:url-pass@h/invocations?token=t0ken\nEMBEDDING_TOKEN=file-t\n"
    )
    done = task("--secret-scope", "airline-neo4j-secrets", "--state", "a.b", "--checkpoint", "/c", BATCH_SIZE="7")
    assert done.returncode == 0, done.stderr
    shown = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert shown["state"].endswith("flag")
    assert shown["batch_size"].split()[2:] == ["7", "environment", "BATCH_SIZE"]
    hosts = {"NEO4J_HOST": "neo4j:pa/ss@h", "NEO4J_URI": "neo4j+s://neo4j:pa/ss@h"}
    assert "pa/ss" not in task(**hosts).stdout
    assert shown["url"].split()[2:] == ["http://***@h/invocations?***", "env", "file", "EMBEDDING_URL"]
    assert shown["token"].split()[2] == "***"
    assert shown["password"].split()[2:] == ["***", "secret", "scope", "airline-neo4j-secrets"]
    assert shown["database"].split()[2:] == ["neo4j", "default"]
    assert shown["client_id"].endswith("not set")
    assert not any(secret in done.stdout for secret in ("scope-pass", "file-t", "url-pass", "t0ken"))


def test_the_settings_as_json_have_the_same_and_what_is_wrong(task):
    """`--json` gives a row a setting, and the line with which a load would stop."""
    done = task("--json", "--secret-scope", "airline-neo4j-secrets", BATCH_SIZE="0")
    told = json.loads(done.stdout)
    rows = {row["setting"]: row for row in told["settings"]}
    assert rows["password"] == {
        "setting": "password",
        "variable": "NEO4J_PASSWORD",
        "value": "***",
        "source": "secret scope airline-neo4j-secrets",
    }
    assert rows["host"]["value"] == "x.databases.neo4j.io"
    assert told["fault"].startswith("BATCH_SIZE")


def test_a_scope_that_is_not_there_is_one_line_and_exit_code_2(task):
    """Nothing is shown as if the scope had been read."""
    done = task("--secret-scope", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("delta-neo4j: Secret scope not found: 'nope'")
    assert done.stderr.count("\n") == 1


def test_a_state_without_runs_says_so(monkeypatch, capsys):
    """An empty state is one line, not an empty page."""
    monkeypatch.setattr(status, "last_runs", lambda *_: [])
    monkeypatch.setattr("delta_neo4j.cli.session.spark_session", lambda: None)
    main(["status", "--state", "/s"])
    assert capsys.readouterr().out == "the state /s has no runs\n"


def test_a_run_is_one_line_and_its_error_another():
    """Run id, when, status, rows, seconds; the error of a failed one below it."""
    summary = {
        "totals": {"rows_read": 1234, "outcomes": {"written": 1200, "dead_lettered": 4}},
        "seconds": {"total": 61.234},
        "error": "Neo4j does not answer",
    }
    row = {"run_id": "r1", "status": "failed", "summary": json.dumps(summary), "started_at": dt.datetime(2026, 1, 2, 3)}  # noqa: DTZ001
    frame = types.SimpleNamespace(collect=lambda: [row])
    frame.orderBy = lambda *_, **__: frame
    frame.limit = lambda _: frame
    state = types.SimpleNamespace(read=lambda *_: frame, location="/s")
    (run,) = status.last_runs(None, state, 5)
    assert run_line(run) == (
        "r1  2026-01-02 03:00:00  failed     1,234 read, 1,200 written, 4 dead-lettered  61.2 s\n"
        "    Neo4j does not answer"
    )
