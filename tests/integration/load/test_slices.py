"""A micro-batch too large for one piece of work: written slice by slice, stopped between two, lost in one."""

from __future__ import annotations

from types import SimpleNamespace

from delta_neo4j.settings import budget
from delta_neo4j.settings.limits import Limits
from tests.support.graph_dump import dump
from tests.support.tables import removal, write

ROWS, TEXTS = 90, 40


# Three slices, and vectors that are too many to be sent: taken out of the cache once, then joined.
IN_SLICES = Limits(slice_rows=30, sent_bytes=0, few_texts=10)


def _at(step, time, then):
    """Make a hook that does something when it comes to a step for the nth time."""
    seen = []

    def hook(name, value):
        seen.append(name)
        return then(value) if name == step and seen.count(step) == time else value

    return hook


def test_slices_make_the_graph_that_one_piece_makes(spark, lts_graph, loads, monkeypatch):
    """A row lost in the third slice is missed; a budget of time ends between slices; the next run makes it whole."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n % TEXTS}") for n in range(ROWS)])
    runs.succeed()
    whole = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    report = runs.run(_at("nodes", 3, lambda rows: rows.limit(rows.count() - 1)), limits=IN_SLICES)
    assert report.exit_code == 4
    assert 30 < lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") < ROWS

    def late(rows):
        monkeypatch.setattr(budget, "time", SimpleNamespace(time=lambda: 1e12, monotonic=lambda: 0.0))
        return rows

    report = runs.run(_at("nodes", 2, late), IN_SLICES, budget_minutes=60)
    assert (report.status, report.exit_code) == ("stopped", 6)
    assert "from its beginning" in str(report.error)
    summary = runs.succeed(limits=IN_SLICES)
    assert summary["embedding"]["cache_hits"] == TEXTS  # paid for by the first attempt
    outcomes = summary["totals"]["outcomes"]
    assert outcomes["written"] + outcomes["unchanged"] == ROWS
    assert dump(lts_graph.driver) == whole
