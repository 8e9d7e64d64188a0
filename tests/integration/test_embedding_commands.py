"""`embed`, `plan` and budgets: what is embedded apart from a load, foretold before it, and stopped in time."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from delta_neo4j.embed import embed
from delta_neo4j.forecast import BYTES_A_NODE, as_json, forecast, lines
from delta_neo4j.settings import StreamSettings, TextSettings
from tests.support import ai_query as stand_in
from tests.support.endpoint import Fault
from tests.support.tables import removal, write


def _rows(first, last, texts):
    return [removal(n, RMV_REA_TX=f"Reason {n % texts}") for n in range(first, last)]


def _as(kind, settings):
    return kind(**{name: getattr(settings, name) for name in kind.model_fields})


def _plan(loads, **changes):
    return forecast(loads.spark, _as(StreamSettings, loads.settings(**changes)))


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


def test_an_embed_that_stops_goes_on_where_it_stopped(spark, lts_graph, loads, endpoint):
    """By its budget, and by an endpoint that fails for good: what was answered is kept, no text is paid for twice."""
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 600, 600), files=2)
    report = _embed(runs, budget_texts=25)
    assert (report.status, report.exit_code, report.total.embedding["texts_embedded"]) == ("stopped", 6, 25)
    endpoint.faults.extend([None, None, Fault(403)])  # the probe, a request, the end
    report = _embed(runs)
    assert report.exit_code == 3
    assert 0 < report.total.embedding["texts_embedded"] < 575
    assert _embed(runs).error is None
    paid = Counter(text for text in endpoint.texts if text.startswith("Reason"))
    assert len(paid) == paid.total() == 600
    # A request is padded to its longest text: neighbours are of a length.
    asked = [[len(text) for text in texts] for _, texts in endpoint.arrivals if texts[0].startswith("Reason")]
    assert len(asked) > 4
    assert all(lengths == sorted(lengths) for lengths in asked)


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
        plan = _plan(runs, price_per_hour=9_000)
        assert endpoint.requests == asked + 1
        _is_told(plan)
        summary = runs.succeed()
        embedding = summary["embedding"]
        assert plan.rows_pending == summary["totals"]["rows_read"]
        assert (plan.texts, plan.cache_hits) == (embedding["texts"], embedding["cache_hits"])
        assert (plan.texts_to_embed, plan.calls) == (embedding["texts_embedded"], embedding["calls"])
        assert plan.tokens >= 3 * plan.texts_to_embed
        write(spark, runs.source, _rows(300, 400, 60))


def _is_told(plan):
    """Every figure that is not counted has an assumption; the lines for people and the JSON say the same."""
    low, high = plan.cost
    assert 0 < low <= high
    assert 0 <= plan.minutes[0] <= plan.minutes[1]
    assert plan.graph_bytes == plan.rows_pending * BYTES_A_NODE
    told = {what: (figure, why) for what, figure, why in lines(plan)}
    assert told["cost"] == (f"{low:g} to {high:g}", "9000 an hour while the endpoint embeds; idle time is free")
    assert all(told[what][1] for what in ("texts to embed", "tokens", "minutes", "cost", "graph grows by"))
    assert json.loads(as_json(plan)) == json.loads(json.dumps(vars(plan)))


def test_a_plan_without_tokenizer_and_price_says_what_it_does_not_know(spark, lts_graph, loads, monkeypatch):
    """Unknown, with what would make it known; never a guess."""
    monkeypatch.setattr("delta_neo4j.forecast.token_counter", lambda _: None)
    runs = loads(lts_graph)
    write(spark, runs.source, _rows(0, 10, 3))
    plan = _plan(runs)
    assert (plan.tokens, plan.truncated, plan.cost) == (None, None, None)
    told = {what: (figure, why) for what, figure, why in lines(plan)}
    assert told["tokens"][0] == told["truncated"][0] == told["cost"][0] == "unknown"
    assert "pip install tokenizers" in told["tokens"][1]
    assert "--price-per-hour" in told["cost"][1]


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
