"""How many writers a run has."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from delta_neo4j.runs.writers import writers


@pytest.mark.parametrize(("wanted", "cores", "count"), [("auto", 1, 2), ("auto", 6, 6), ("auto", 64, 8), (20, 2, 20)])
def test_a_run_has_as_many_writers_as_the_driver_has_cores_unless_the_user_says_a_number(
    monkeypatch, wanted, cores, count
):
    """From two to eight."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert writers(None, SimpleNamespace(write_partitions=wanted)) == count
