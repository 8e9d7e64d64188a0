"""Tables, state and graph as the version before the modules moved into folders left them: loads go on."""

from __future__ import annotations

import datetime as dt
import json
import shutil

import pytest

from tests.support import graph_file
from tests.support.graph_dump import RUN_BOUND
from tests.support.places import ROOT

BEFORE = ROOT / "tests" / "data" / "before_the_move"
TABLES = ("aircraft", "removals", "reports", "notes", "installed")


@pytest.fixture
def left_behind(lts_graph, endpoint, loads, tmp_path):
    """Loads that go on where the version before the move ended: its graph stands in this server."""
    endpoint.dimension = 16
    kept = (BEFORE / "graph.jsonl").read_text().splitlines()
    graph_file.restore(lts_graph.driver, kept)
    assert graph_file.lines(lts_graph.driver) == kept
    shutil.unpack_archive(BEFORE / "tables.zip", tmp_path)
    # A checkpoint keeps the id of the database that it fills. The graph was moved from that one into this server, which
    # has another, and a load of it would be refused: so this one's is put in its place.
    here = lts_graph.value("CALL db.info() YIELD id RETURN id")
    for file in tmp_path.glob("state/checkpoints/*/load/part-*.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "database_id": here}))
    sources = {name: str(tmp_path / "source" / name) for name in TABLES}
    return loads(lts_graph, mapping=str(BEFORE / "graph.yml"), sources=sources)


def _whole(graph):
    """
    Give the graph, constraints and indexes included.

    Of a version only the source, not when it was read. Of a vector four digits: the last ones differ from those of the
    kept graph on another kind of processor.
    """

    def shown(name, value):
        if name == RUN_BOUND:
            return value.split(":")[0]
        return [round(number, 4) for number in value] if name == "embedding" else value

    return graph_file.lines(graph.driver, shown)


def _commit(spark, runs, name, row):
    source = runs.options["sources"][name]
    held = spark.read.format("delta").load(source).schema
    spark.createDataFrame([tuple(row.get(column) for column in held.names)], held).write.format("delta").mode(
        "append"
    ).save(source)


def _removal(number, reason, **more):
    recorded_at = dt.datetime(2024, 8, 15, 3, 30, tzinfo=dt.UTC)
    return {":ID(RemovalEvent)": f"R{number}", "reason": reason, "recorded_at": recorded_at, "component": "C2", **more}


def _cached(spark, runs):
    return spark.read.format("delta").load(f"{runs.state}/embeddings").count()


def test_a_load_goes_on_where_the_version_before_the_move_ended(spark, lts_graph, endpoint, left_behind):
    """It reads what was committed since, pays for the one new text, and makes the graph that a fresh load makes."""
    cached = _cached(spark, left_behind)
    _commit(spark, left_behind, "removals", _removal(2, "cracked blade", aircraft=3, details={"shift": "day"}))
    _commit(spark, left_behind, "removals", _removal(7, "bird strike", aircraft=1))
    _commit(spark, left_behind, "installed", {"component": "C2", "aircraft": 3, "since": "2024-08-16", "count": 1})
    summary = left_behind.succeed()
    assert {table["name"]: table["rows_read"] for table in summary["tables"]} == {
        **dict.fromkeys(TABLES, 0),
        "removals": 2,
        "installed": 1,
    }
    assert summary["totals"]["outcomes"]["written"] == summary["totals"]["rows_read"] == 3
    assert summary["totals"]["relationships"]["OF_AIRCRAFT"] == {
        **dict.fromkeys(("unchanged", "skipped", "dead_lettered", "parallel"), 0),
        "expected": 2,
        "written": 2,
        "removed": 1,
    }
    assert {term: summary["embedding"][term] for term in ("texts", "cache_hits", "texts_embedded")} == {
        "texts": 2,
        "cache_hits": 1,
        "texts_embedded": 1,
    }
    assert "bird strike" in endpoint.texts
    assert _cached(spark, left_behind) == cached + 1
    gone_on = _whole(lts_graph)
    lts_graph.empty()
    left_behind.start_over()
    left_behind.succeed()
    assert _whole(lts_graph) == gone_on


def test_rows_from_before_the_move_are_unchanged_when_they_are_read_again(spark, lts_graph, left_behind):
    """Hashes, keys and ids are what they were: a fresh checkpoint writes nothing, removes nothing, pays for nothing."""
    before, cached = _whole(lts_graph), _cached(spark, left_behind)
    summary = left_behind.succeed(reset_checkpoint=True)
    assert {name: count for name, count in summary["totals"]["outcomes"].items() if count} == {
        "unchanged": 16,
        "superseded": 4,
        "dead_lettered": 1,
    }
    for terms in summary["totals"]["relationships"].values():
        assert terms["unchanged"] == terms["expected"] - terms["skipped"]
        assert (terms["written"], terms["removed"]) == (0, 0)
    embedding = summary["embedding"]
    assert embedding["texts"] == embedding["cache_hits"] == 8
    assert embedding["calls"] == 0
    assert _cached(spark, left_behind) == cached
    assert _whole(lts_graph) == before
