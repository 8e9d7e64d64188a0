"""`delta-neo4j status`: settings with their sources, and the runs of a state."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from delta_neo4j.cli.console import main
from delta_neo4j.cli.status_lines import lines
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


def test_a_state_that_holds_nothing_says_so(capsys, tmp_path):
    """An empty state is a few lines with a word in each, not an error."""
    main(["status", "--state", str(tmp_path / "nothing"), "--mapping", "no-such"])
    shown = {line[:13].strip(): line[13:].strip() for line in capsys.readouterr().out.splitlines()}
    assert shown["runs"] == shown["verification"] == shown["tables"] == "none yet"
    assert shown["sources"].startswith("unknown: ")


def test_the_page_of_a_status_fits_a_screen_and_names_what_to_do():
    """A failed run shows its error, a feed its versions, many reasons one line, an index its coverage."""
    run = {"run_id": "r1", "started_at": "2026-01-02 03:00:00+00:00", "status": "failed", "rows_read": 1234}
    run |= {"written": 1200, "dead_lettered": 4, "seconds": 61.234, "error": "Neo4j does not answer"}
    source = {"table": "removals", "source": "/data/removals", "source_mode": "cdf", "load_id": "l", "version": 9}
    source |= {"loaded_version": 7, "rows": 100, "rows_pending": None, "fault": None}
    letter = {"at_fault": "row", "table_name": "removals", "stage": "validation", "reason_class": "key_missing"}
    letter |= {"letters": 2, "example": "a\nb"}
    vector = {"kind": "vector", "label": "RemovalEvent", "properties": ["embedding"], "state": "ONLINE", "nodes": 900}
    vector |= {"dimension": 384, "model": None, "looked_at": 900, "with_text": 800, "with_vector": 798}
    vector |= {"vector_missing": 2, "self_query": {"sampled": 5, "found": 4}}
    held = {"state": "/s", "read_with": "deltalake", "runs": [run], "sources": [source], "mapping_fault": None}
    held |= {"dead_letters": [letter] * 10, "verifications": [{"table_name": "removals", "checked": 7}]}
    held |= {"tables": [{"name": "ledger", "files": 3, "bytes": 34_512}]}
    held["graph"] = {"fault": None, "server": "5.26", "uri": "bolt://h", "database": "neo4j", "indexes": [vector]}
    shown = [line[14:] for line in lines(held)]
    assert shown[1:4] == [
        "r1  2026-01-02 03:00:00+00:00  failed     1,234 read, 1,200 written, 4 dead-lettered  61.2 s",
        "  Neo4j does not answer",
        "removals ← /data/removals, cdf: version 9, loaded up to 7; delta-neo4j plan counts the rows pending",
    ]
    assert shown[4] == "2 by the row: removals validation key_missing (a b)"
    assert shown[12:] == [
        "4 of 2 more reasons (--json has all)",
        "removals: checked 7",
        "Neo4j 5.26 at bolt://h, database neo4j",
        (
            "vector    RemovalEvent(embedding) ONLINE, 384 dimensions, model unknown; of 900 nodes 800 with text, 798 "
            "with vector, 2 with text lack one; 4 of 5 sampled vectors find themselves"
        ),
        "ledger 35 kB in 3 files",
    ]
