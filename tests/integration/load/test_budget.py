"""A load that has spent its budget stops, and the next one goes on."""

from __future__ import annotations

import pytest

from tests.support.tables import removal, write


def _rows(first, last, texts):
    return [removal(n, RMV_REA_TX=f"Reason {n % texts}") for n in range(first, last)]


def test_a_budget_of_texts_stops_inside_a_micro_batch_and_the_next_run_resumes(spark, lts_graph, loads, endpoint):
    """Exit code 6 after exactly so many texts, nothing wrong; what was embedded is a cache hit later."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 100, 40))
    report = runs.run(budget_texts=25)
    assert (report.status, report.exit_code, report.balanced) == ("stopped", 6, True)
    assert len([text for text in endpoint.texts if text.startswith("Reason")]) == 25
    summary = runs.succeed()
    assert (summary["embedding"]["cache_hits"], summary["embedding"]["texts_embedded"]) == (25, 15)
    assert sorted(text for text in endpoint.texts if text.startswith("Reason")) == sorted(
        f"Reason {n}" for n in range(40)
    )


@pytest.mark.parametrize("budget", [{"budget_minutes": 0}, {"budget_cost": 0, "price_per_hour": 1}])
def test_a_budget_of_time_or_money_stops_the_same_way(spark, lts_graph, loads, budget):
    """Nothing left to spend: stopped before the first text."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 20, 5))
    report = runs.run(**budget)
    assert (report.status, report.exit_code) == ("stopped", 6)
    assert report.total.embedding["texts_embedded"] == 0
