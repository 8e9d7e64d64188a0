"""Relative paths, as people type them: state, source and mapping below the folder of the command."""

from __future__ import annotations

from delta_neo4j.runs.embed import embed
from delta_neo4j.runs.maintain import maintain
from delta_neo4j.runs.plan.forecast import forecast
from tests.support.tables import removal, write


def test_a_relative_state_pays_for_each_text_once(spark, lts_graph, loads, endpoint, tmp_path, monkeypatch):
    """`embed`, a load of two micro-batches, `plan` and a fresh start all find the cache by the path as it was typed."""
    monkeypatch.chdir(tmp_path)
    runs = loads(lts_graph)
    runs.state, runs.source = ".delta-neo4j", "tables/removals"
    write(spark, tmp_path / "tables" / "removals", [removal(number) for number in range(30)], files=2)
    embed(spark, runs.settings())
    loaded = runs.succeed(batch_size=1, bytes_per_row=1)
    assert loaded["tables"][0]["batches"] == 2
    assert loaded["embedding"]["texts_embedded"] == 0
    assert forecast(spark, runs.settings(), fresh=True).texts_to_embed == 0
    again = runs.succeed(reset_checkpoint=True)
    assert (again["embedding"]["cache_hits"], again["embedding"]["texts_embedded"]) == (7, 0)
    assert len([text for text in endpoint.texts if "fitting" in text]) == 7 + 7  # paid once; the plan asks for a sample
    lines = list(maintain(spark, runs.settings().state))
    assert "ledger: small files merged" in lines
