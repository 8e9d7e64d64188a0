"""What `status` shows after real loads into a real graph."""

from __future__ import annotations

import json

from delta_neo4j.cli.console import main
from tests.support.neo4j_servers import PASSWORD
from tests.support.tables import removal, write


def test_status_shows_runs_sources_and_the_graphs_indexes(spark, newest_graph, loads, capsys, monkeypatch):
    """Runs newest first, rows pending, each index with its coverage; an address without a server is one line."""
    runs = loads(newest_graph)
    write(spark, runs.source, [*(removal(n) for n in range(30)), removal(30, RMV_REA_TX=None)])
    first, second = runs.succeed(), runs.succeed()
    newest_graph.query("MATCH (n:RemovalEvent {removal_id: 'RE000003'}) REMOVE n.embedding")
    write(spark, runs.source, [removal(n) for n in range(40, 44)])
    for name, value in {"URI": newest_graph.uri, "USERNAME": "neo4j", "PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(f"NEO4J_{name}", value)
    arguments = ["status", "--state", runs.state, "--source", runs.source]
    main([*arguments, "--json"])
    held = json.loads(capsys.readouterr().out)
    assert [(run["run_id"], run["rows_read"]) for run in held["runs"]] == [
        (second["run_id"], 0),
        (first["run_id"], 31),
    ]
    (source,) = held["sources"]
    assert (source["loaded_version"], source["version"], source["rows_pending"]) == (0, 1, 4)
    (vector,) = [index for index in held["graph"]["indexes"] if index["kind"] == "vector"]
    counts = ("state", "dimension", "nodes", "with_text", "with_vector", "vector_missing")
    assert [vector[name] for name in counts] == ["ONLINE", 384, 31, 30, 29, 1]
    assert vector["model"]
    assert vector["self_query"] == {"sampled": 5, "found": 5}
    assert {index["state"] for index in held["graph"]["indexes"]} == {"ONLINE"}
    assert {index["kind"] for index in held["graph"]["indexes"]} == {"key", "vector", "fulltext"}
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:9")
    main([*arguments, "--limit", "1"])
    shown = capsys.readouterr().out
    assert "4 rows pending" in shown
    assert "graph         unknown: Neo4j at bolt://127.0.0.1:9" in shown
    assert first["run_id"] not in shown
