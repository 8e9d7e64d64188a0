"""The archive of Spark's classes: made whole or not at all, used where it fits, harmless where it does not."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dev import spark_java
from tests.support.places import LOCAL, ROOT

pytestmark = pytest.mark.class_archive


def test_a_session_takes_its_classes_from_the_archive(tmp_path):
    """Spark's and Delta's classes come from the archive that `make test` has made."""
    spark_java.make_archive(LOCAL / "java")
    environment = spark_java.spark_environment(LOCAL / "java")
    log = tmp_path / "classes"
    environment["SPARK_SUBMIT_OPTS"] += f" -Xlog:class+load:file={log}"
    subprocess.run(
        [sys.executable, "-m", "dev.short_session", tmp_path / "tables"],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
    )
    from_archive = [line for line in log.read_text().splitlines() if "shared objects file (top)" in line]
    assert any("org.apache.spark.SparkContext " in line for line in from_archive)
    assert any("org.apache.spark.sql.delta.DeltaLog " in line for line in from_archive)


def test_a_broken_archive_stops_no_start(tmp_path):
    """Java starts with an archive that is none, and says nothing of it on standard output."""
    spark_java._archive(tmp_path, spark_java.spark_java()).write_bytes(b"half")
    environment = spark_java.spark_environment(tmp_path)
    options = shlex.split(environment["SPARK_SUBMIT_OPTS"])
    assert any("SharedArchiveFile" in option for option in options)
    command = [Path(environment["JAVA_HOME"]) / "bin" / "java", *options, "-version"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""


def test_without_an_archive_java_gets_the_callers_options_only(tmp_path, monkeypatch):
    """A folder without an archive adds nothing to SPARK_SUBMIT_OPTS."""
    monkeypatch.setenv("SPARK_SUBMIT_OPTS", "-Da=b")
    assert spark_java.spark_environment(tmp_path)["SPARK_SUBMIT_OPTS"] == "-Da=b"


def test_an_archive_is_made_once(tmp_path, monkeypatch):
    """Where it stands, no session is run for it."""
    sessions = []

    def session(environment):
        sessions.append(environment)
        options = dict(option.split("=", 1) for option in shlex.split(environment["SPARK_SUBMIT_OPTS"])[-3:-2])
        Path(options["-XX:ArchiveClassesAtExit"]).write_bytes(b"classes")

    monkeypatch.setattr(spark_java, "_run_session", session)
    spark_java.make_archive(tmp_path)
    spark_java.make_archive(tmp_path)
    assert len(sessions) == 1
    assert [archive.read_bytes() for archive in tmp_path.glob("*.jsa")] == [b"classes"]


def test_a_maker_that_was_killed_leaves_no_archive(tmp_path, monkeypatch):
    """What a killed maker wrote has another name, and the next one deletes it."""
    left = tmp_path / ".part-1.jsa"
    left.write_bytes(b"half")
    monkeypatch.delenv("SPARK_SUBMIT_OPTS", raising=False)  # make sets it for the tests
    assert "SharedArchiveFile" not in spark_java.spark_environment(tmp_path)["SPARK_SUBMIT_OPTS"]
    monkeypatch.setattr(spark_java, "_run_session", lambda _: None)  # its JVM dies before it writes
    spark_java.make_archive(tmp_path)
    assert not list(tmp_path.glob("*.jsa"))
    assert not left.exists()


def test_another_jar_has_another_archive(tmp_path, monkeypatch):
    """The archive's name changes with a jar of the class path."""
    jar = tmp_path / "delta.jar"
    monkeypatch.setattr(spark_java, "delta_jars", lambda: {"spark.driver.extraClassPath": str(jar)})
    names = set()
    for content in (b"1", b"22"):
        jar.write_bytes(content)
        names.add(spark_java._archive(tmp_path, spark_java.spark_java()))
    assert len(names) == 2
