"""`embed`, `plan` and budgets: what is embedded apart from a load, foretold before it, and stopped in time."""

from __future__ import annotations

import pytest

from delta_neo4j.embed import embed
from delta_neo4j.forecast import forecast
from delta_neo4j.settings import StreamSettings, TextSettings
from tests.support import ai_query as stand_in
from tests.support.tables import removal, write


def _rows(first, last, texts):
    return [removal(n, RMV_REA_TX=f"Reason {n % texts}") for n in range(first, last)]


def _as(kind, settings):
    return kind(**{name: getattr(settings, name) for name in kind.model_fields})


def _plan(loads):
    return forecast(loads.spark, _as(StreamSettings, loads.settings()))


def _embed(loads, **changes):
    return embed(loads.spark, _as(TextSettings, loads.settings(**changes)))


def test_embed_fills_the_cache_and_the_load_pays_nothing(spark, lts_graph, loads, endpoint):
    """Every distinct text of the table is embedded once by `embed`; the load afterwards calls for its probe only."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 200, 30), files=3)
    report = _embed(runs)
    assert report.error is None
    assert report.total.embedding["texts_embedded"] == 30
    asked = endpoint.requests
    summary = runs.succeed()
    assert summary["embedding"]["cache_hits"] == summary["embedding"]["texts"]
    assert summary["embedding"]["texts_embedded"] == 0
    assert endpoint.requests == asked + 1
    assert runs.graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN count(n)") == 200
    assert _embed(runs).total.embedding["texts_embedded"] == 0


def test_embed_by_ai_query_is_one_query_and_needs_no_graph(spark, lts_graph, loads, tmp_path):
    """Where the platform's function exists it embeds, each text once."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 60, 20), files=2)
    log = tmp_path / "asked"
    stand_in.register(spark, log)
    try:
        settings = runs.settings().embedding.model_copy(update={"embedder": "ai_query"})
        report = _embed(runs, embedding=settings)
    finally:
        stand_in.forget(spark)
    assert report.error is None
    assert (report.strategy, report.total.embedding["calls"]) == ("ai_query", 1)
    probed = stand_in.asked(log)[3:]
    assert sorted(probed) == sorted({f"Reason {n}" for n in range(20)})


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


def test_a_plan_foretells_what_the_load_then_does(spark, lts_graph, loads, endpoint):
    """Rows, texts, hits and calls are those of the load, for one call and no trace; then again for what is new."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 300, 45), files=3)
    for _ in range(2):
        asked = endpoint.requests
        plan = _plan(runs)
        assert endpoint.requests == asked + 1
        summary = runs.succeed()
        embedding = summary["embedding"]
        assert plan.rows_pending == summary["totals"]["rows_read"]
        assert (plan.texts, plan.cache_hits) == (embedding["texts"], embedding["cache_hits"])
        assert (plan.texts_to_embed, plan.calls) == (embedding["texts_embedded"], embedding["calls"])
        assert plan.tokens >= 3 * plan.texts_to_embed
        write(spark, runs.source, _rows(300, 400, 60))


def test_a_plan_with_nothing_pending_asks_nobody(spark, lts_graph, loads, endpoint):
    """No rows, no call, no texts."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 10, 3))
    runs.succeed()
    asked = endpoint.requests
    plan = _plan(runs)
    assert (plan.rows_pending, plan.texts, plan.calls, endpoint.requests) == (0, 0, 0, asked)


def test_a_plan_names_the_longest_text_that_will_be_cut(spark, lts_graph, loads):
    """A text beyond 256 tokens is counted and shown."""
    runs = loads(lts_graph)
    long = "hydraulic pressure lost in flight " * 80
    write(spark, runs.source, [*_rows(0, 5, 5), removal(9, RMV_REA_TX=long)])
    plan = _plan(runs)
    assert plan.truncated == 1
    assert plan.longest_text.startswith("hydraulic pressure")
