"""A micro-batch too large for one piece of work: written slice by slice, stopped between two, lost in one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delta_neo4j import budget, graph_rows, staging
from tests.support.graph_dump import dump
from tests.support.tables import removal, write

ROWS, TEXTS = 90, 40


@pytest.fixture
def in_slices(monkeypatch):
    """Four slices, and vectors that are too many for the way of few: out of the cache once, then joined."""
    monkeypatch.setattr(staging, "SLICE_ROWS", 30)
    monkeypatch.setattr(graph_rows, "SENT_BYTES", 0)
    for name in ("delta_neo4j.pipeline.FEW_TEXTS", "delta_neo4j.embedding.cache.FEW_TEXTS"):
        monkeypatch.setattr(name, 10)


def _at(step, time, then):
    """Make a hook that does something when it comes to a step for the nth time."""
    seen = []

    def hook(name, value):
        seen.append(name)
        return then(value) if name == step and seen.count(step) == time else value

    return hook


def test_slices_make_the_graph_that_one_piece_makes(spark, lts_graph, loads, request, monkeypatch):
    """A row lost in the third slice is missed; a budget of time ends between slices; the next run makes it whole."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n % TEXTS}") for n in range(ROWS)])
    runs.succeed()
    whole = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    request.getfixturevalue("in_slices")
    report = runs.run(_at("nodes", 3, lambda rows: rows.limit(rows.count() - 1)))
    assert report.exit_code == 4
    assert 30 < lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") < ROWS

    def late(rows):
        monkeypatch.setattr(budget, "time", SimpleNamespace(time=lambda: 1e12, monotonic=lambda: 0.0))
        return rows

    report = runs.run(_at("nodes", 2, late), budget_minutes=60)
    assert (report.status, report.exit_code) == ("stopped", 6)
    assert "from its beginning" in str(report.error)
    summary = runs.succeed()
    assert summary["embedding"]["cache_hits"] == TEXTS  # paid for by the first attempt
    outcomes = summary["totals"]["outcomes"]
    assert outcomes["written"] + outcomes["unchanged"] == ROWS
    assert dump(lts_graph.driver) == whole
