"""`embed`: the texts of a table are embedded apart from a load, each paid for once."""

from __future__ import annotations

from collections import Counter

from delta_neo4j.runs.embed import embed
from delta_neo4j.settings.values import TextSettings
from tests.support import ai_query as stand_in
from tests.support.endpoint import Fault
from tests.support.tables import removal, write


def _rows(first, last, texts):
    return [removal(n, RMV_REA_TX=f"Reason {n % texts}") for n in range(first, last)]


def _as(kind, settings):
    return kind(**{name: getattr(settings, name) for name in kind.model_fields})


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
    endpoint.faults.extend([None, None, *[Fault(403)] * 40])  # the probe, a request, the end: probes are refused too
    report = _embed(runs)
    endpoint.faults.clear()
    assert report.exit_code == 2  # a refused token: the user must act
    assert 0 < report.total.embedding["texts_embedded"] < 575
    assert _embed(runs).error is None
    paid = Counter(text for text in endpoint.texts if text.startswith("Reason"))
    assert len(paid) == paid.total() == 600
    # A request is padded to its longest text: neighbours are of a length.
    asked = [[len(text) for text in texts] for _, texts in endpoint.arrivals if texts[0].startswith("Reason")]
    assert len(asked) > 4
    assert all(lengths == sorted(lengths) for lengths in asked)
