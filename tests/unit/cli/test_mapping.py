"""`delta-neo4j mapping …` at the command line, without tables and servers."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from delta_neo4j.cli.console import cli
from delta_neo4j.errors import SettingsError

FAULTY = """\
tables:
  - name: things
    source: things
    labels: [a b]
    key: [{column: id}]
    properties: [{column: size, type: number}]
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder, without settings and without a way to start Spark."""
    monkeypatch.chdir(tmp_path)

    def refuse():
        raise SettingsError("pyspark is missing")

    monkeypatch.setattr("delta_neo4j.cli.session.spark_session", refuse)
    return lambda *arguments: CliRunner().invoke(cli, ["mapping", *arguments])


def test_a_draft_has_a_folder_before_it_is_made(run):
    """Minutes of reading are not lost for want of one."""
    assert "there is no folder none" in str(run("init", "a.b", "--output", "none/x.yml").exception)


def test_a_name_too_long_for_a_file_is_one_line(run):
    """What is neither file nor shipped mapping is said so."""
    assert "cannot be read: File name too long" in str(run("check", "a" * 300, "--offline").exception)


def test_each_fault_is_a_line_with_its_place(run, tmp_path):
    """`FILE:LINE:COLUMN: path: message`, in the order of the file; the exit code is that of a faulty mapping."""
    (tmp_path / "m.yml").write_text(FAULTY)
    result = run("check", "m.yml")
    assert result.exit_code == 2
    first, second = result.stdout.splitlines()
    assert first.startswith("m.yml:4:14: tables[0].labels[0]: 'a b' is not usable as a label")
    assert second.startswith("m.yml:6:39: tables[0].properties[0].type: input should be 'string'")
    assert "m.yml: 2 faults; checked the file\n" in result.stderr


def test_a_sound_file_is_said_to_be_so(run):
    """Without Spark and server the file alone is looked at, and what was not is said."""
    result = run("check", "aircraft")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [
        "aircraft (shipped): no faults; checked the file",
        "aircraft (shipped): not checked: tables: pyspark is missing",
        "aircraft (shipped): not checked: the graph: NEO4J_URI is not set",
    ]


def test_offline_looks_at_nothing_else(run, monkeypatch):
    """With --offline settings for a server are not used."""
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    result = run("check", "removals", "--offline")
    assert result.exit_code == 0
    assert "not checked: tables and graph: --offline" in result.stderr


def test_a_graph_that_cannot_be_asked_is_a_fault(run, monkeypatch):
    """A setting that is missing beside an address is said in one line."""
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    result = run("check", "removals")
    assert result.exit_code == 2
    assert result.stdout.startswith("removals (shipped):1:1: the graph: NEO4J_USERNAME is not set")


def test_a_file_that_is_not_there_is_one_line(run):
    """What is neither a file nor ships is refused as `load` refuses it."""
    result = run("check", "nonesuch.yml")
    assert "neither a file nor" in str(result.exception)
