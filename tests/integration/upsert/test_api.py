"""What notebooks call: `from delta_neo4j import load, upsert, delete`."""

from __future__ import annotations

import delta_neo4j
from tests.support.tables import NAMES, SCHEMA, removal, write


def test_a_notebook_loads_a_table_upserts_a_frame_and_deletes_by_key(spark, lts_graph, loads, monkeypatch):
    """A path and a mapping's name are enough; settings come from the environment, a dictionary adds to them."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(5)])
    settings = runs.settings()
    monkeypatch.setenv("NEO4J_URI", settings.neo4j.uri)
    monkeypatch.setenv("NEO4J_USERNAME", settings.neo4j.username)
    monkeypatch.setenv("NEO4J_PASSWORD", settings.neo4j.password.get_secret_value())
    monkeypatch.setenv("EMBEDDING_URL", runs.url)
    told = {"state": runs.state, "embedder": "rest", "env_file": ""}
    assert delta_neo4j.load(runs.source, "removals", told).summary()["totals"]["outcomes"]["written"] == 5
    frame = spark.createDataFrame([tuple(removal(7)[name] for name in NAMES)], SCHEMA)
    assert delta_neo4j.upsert(frame, settings=told).summary()["totals"]["outcomes"]["written"] == 1
    assert delta_neo4j.load(frame, settings=told).summary()["totals"]["outcomes"]["unchanged"] == 1
    report = delta_neo4j.delete(["RE000007", "RE000000"], settings=told)
    assert (report.error, report.summary()["totals"]["outcomes"]["deleted"]) == (None, 2)
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 4


def test_a_key_of_the_wrong_shape_is_one_line(spark, lts_graph, loads):
    """Its parts are counted before anything is sent."""
    runs = loads(lts_graph)
    report = delta_neo4j.delete([("a", "b")], settings=runs.settings())
    assert report.exit_code == 2
    assert "has 2 parts, table removals has 1" in str(report.error)
