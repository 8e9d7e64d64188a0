"""What a load would read, embed and cost, foretold without a trace."""

from __future__ import annotations

import json

from delta_neo4j.runs.plan.forecast import BYTES_A_NODE, as_json, forecast, lines
from delta_neo4j.settings.values import StreamSettings
from tests.support.tables import removal, write


def _rows(first, last, texts):
    return [removal(n, RMV_REA_TX=f"Reason {n % texts}") for n in range(first, last)]


def _as(kind, settings):
    return kind(**{name: getattr(settings, name) for name in kind.model_fields})


def _plan(loads, **changes):
    return forecast(loads.spark, _as(StreamSettings, loads.settings(**changes)))


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
    monkeypatch.setattr("delta_neo4j.runs.plan.forecast.token_counter", lambda _: None)
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
