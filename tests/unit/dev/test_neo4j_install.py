"""What is said where Neo4j cannot be fetched."""

from __future__ import annotations

import pytest

from dev.java import find_java
from dev.maven import maven_command
from dev.neo4j_install import DEFAULT_VERSION, install
from dev.processes import StackError


@pytest.fixture
def nothing_reached(monkeypatch):
    """No Maven on the path, and a Java whose every download fails."""
    home = find_java(17).home
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr("dev.maven.shutil.which", lambda _: None)
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1")
    monkeypatch.setattr("dev.neo4j_install.find_java", lambda *_, **__: find_java(17, None, str(home)))


@pytest.mark.usefixtures("nothing_reached")
def test_a_maven_that_cannot_be_fetched_is_one_line_with_what_to_do(tmp_path):
    """No jars and no Maven are left of the attempt."""
    with pytest.raises(StackError, match=r"not on the path, and Ivy could not fetch it.*network") as told:
        install(DEFAULT_VERSION, tmp_path / "lib")
    assert "\n" not in str(told.value)
    assert not list((tmp_path / "lib").glob("*5.26*"))
    assert not list((tmp_path / "lib" / ".maven").glob("apache-maven-*"))


def test_a_maven_on_the_path_is_used(tmp_path, monkeypatch):
    """Nothing is fetched where the machine has a Maven."""
    program = tmp_path / "mvn"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert maven_command(None, tmp_path / "maven") == [str(program)]
    assert not (tmp_path / "maven").exists()
