"""What is said where Neo4j cannot be fetched."""

from __future__ import annotations

import pytest

from dev.neo4j_install import DEFAULT_VERSION, install
from dev.processes import StackError


def test_a_missing_maven_is_one_line_with_what_to_do(tmp_path, monkeypatch):
    """Nothing is left of the attempt."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StackError, match=r"Maven \(mvn\) is not on the path.*install Maven") as told:
        install(DEFAULT_VERSION, tmp_path / "lib")
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())
