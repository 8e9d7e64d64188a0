"""The load as a whole: what is in the table is in the graph, and the sums say so."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from delta_neo4j.runs.report.terminal import page
from tests.support.endpoint import vector_of
from tests.support.graph_dump import dump
from tests.support.tables import removal, write


@pytest.mark.every_lane
def test_rows_become_nodes_with_vectors_and_relationships(spark, graph, loads, endpoint):
    """Each row is one typed node with its text's vector, hung on its component and aircraft; a text is asked once."""
    runs = loads(graph)
    write(spark, runs.source, [removal(n) for n in range(100)], files=2)
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 100
    node = graph.query("MATCH (n:RemovalEvent {removal_id: 'RE000005'}) RETURN properties(n) AS p")[0]["p"]
    assert node["time_since_install"] == 105
    assert node["replacement_required"] is True
    assert node["cost_estimate"] == 1500.5
    assert str(node["removal_date"]) == "2024-08-15T14:30:00.000000000"
    assert np.array_equal(np.array(node["embedding"], dtype=np.float32), vector_of("Oil leak at fitting 5"))
    assert graph.value("MATCH (:Component)-[r:HAS_REMOVAL]->(:RemovalEvent) RETURN count(r) AS c") == 100
    assert graph.value("MATCH (:Aircraft)-[r:HAS_REMOVAL_EVENT]->(:RemovalEvent) RETURN count(r) AS c") == 100
    assert graph.value("MATCH (n:Component) RETURN count(n) AS c") == 11
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["written"] == 100
    served = [text for text in endpoint.texts if text.startswith("Oil leak at")]
    assert sorted(served) == sorted({f"Oil leak at fitting {n}" for n in range(7)})
    assert summary["embedding"]["texts"] == summary["embedding"]["texts_embedded"] == 7


@pytest.mark.every_lane
def test_a_load_goes_on_where_the_last_one_ended(spark, lts_graph, loads, endpoint):
    """Nothing new: nothing done. Then new rows only, with known texts; a fresh checkpoint finds all rows unchanged."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(20)])
    runs.succeed()
    before = dump(lts_graph.driver)
    report = runs.run()
    summary = report.summary()
    shown = io.StringIO()
    Console(file=shown, width=120).print(page(report))
    assert "nothing new: no row read, no text embedded, nothing written" in shown.getvalue()
    assert summary["totals"]["rows_read"] == 0
    assert summary["embedding"]["texts"] == 0
    assert summary["writer"]["transactions"] == 0
    assert dump(lts_graph.driver) == before

    write(spark, runs.source, [removal(n) for n in range(20, 30)])
    summary = runs.succeed()
    assert summary["totals"]["rows_read"] == 10
    assert summary["embedding"]["cache_hits"] == 7
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 30

    before, asked = dump(lts_graph.driver), endpoint.requests
    summary = runs.succeed(reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["unchanged"] == 30
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["unchanged"] == 30
    assert summary["embedding"]["cache_hits"] == 7
    assert endpoint.requests == asked + 1  # the probe
    assert dump(lts_graph.driver) == before


@pytest.mark.classic
def test_a_small_micro_batch_takes_few_spark_jobs(spark, lts_graph, loads):
    """Counted from its first step to its ledger row: with known texts, and with new ones, in one run."""
    runs, counts = loads(lts_graph), {"read": [], "ledger": []}
    for number, texts in enumerate(("known", "known", "new")):
        write(spark, runs.source, [removal(10 * number + n, RMV_REA_TX=texts) for n in range(10)])

    def count(name, value):
        if name in counts:
            counts[name].append(spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs())
        return value

    report = runs.run(count, batch_size=1, bytes_per_row=1)
    assert report.summary()["tables"][0]["batches"] == 3
    _, with_known_texts, with_new_texts = (last - first for first, last in zip(*counts.values(), strict=True))
    assert with_known_texts <= 7  # their vectors are in the run's memory
    assert with_new_texts <= 15


@pytest.mark.every_lane
def test_a_fresh_checkpoint_finds_the_rows_that_differ_among_those_that_do_not(spark, lts_graph, loads, endpoint):
    """Re-read rows cost a look-up; a changed text, a changed end and a lost node are written; no row may get lost."""
    runs = loads(lts_graph)
    rows = [removal(n) for n in range(20)]
    write(spark, runs.source, rows)
    runs.succeed()
    rows[3] = removal(3, RMV_REA_TX=rows[4]["RMV_REA_TX"])
    rows[5] = removal(5, aircraft_id="A77")
    write(spark, runs.source, rows, mode="overwrite")
    lts_graph.query("MATCH (n:RemovalEvent {removal_id: 'RE000007'}) DETACH DELETE n")
    summary = runs.succeed(reset_checkpoint=True)
    outcomes = summary["totals"]["outcomes"]
    assert (outcomes["unchanged"], outcomes["written"]) == (17, 3)
    assert summary["totals"]["relationships"]["HAS_REMOVAL_EVENT"]["written"] == 2
    assert summary["writer"]["transactions"] < 10
    found = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    runs.succeed()
    assert dump(lts_graph.driver) == found
    report = runs.run(lambda name, value: value.limit(19) if name == "look_up" else value, reset_checkpoint=True)
    assert report.exit_code == 4, report.error


@pytest.mark.every_lane
def test_the_newest_version_of_a_key_wins_across_batches(spark, lts_graph, loads):
    """A later row of a key replaces the node's properties and moves its relationships; the old edge goes."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1, component_id="C1", RMV_REA_TX="first")])
    runs.succeed()
    write(spark, runs.source, [removal(1, component_id="C2", RMV_REA_TX="second", RMV_TRK_NO=None)])
    summary = runs.succeed()
    node = lts_graph.query("MATCH (n:RemovalEvent) RETURN n.RMV_REA_TX AS text, n.RMV_TRK_NO AS number")
    assert node == [{"text": "second", "number": None}]
    edges = lts_graph.query("MATCH (c:Component)-[:HAS_REMOVAL]->(:RemovalEvent) RETURN c.component_id AS id")
    assert edges == [{"id": "C2"}]
    assert summary["totals"]["relationships"]["HAS_REMOVAL"]["removed"] == 1


@pytest.mark.parametrize(
    "step",
    [
        *("read", "validate", "rank", "stage", "embed", "flush", "nodes"),
        *("relationships HAS_REMOVAL", "relationships HAS_REMOVAL_EVENT", "dead_letters"),
    ],
)
def test_a_row_lost_at_any_stage_fails_the_run(spark, lts_graph, loads, step):
    """Taking one row out of the data, at whatever stage, makes the run fail with the sums that differ."""
    runs = loads(lts_graph)
    rows = [removal(n, RMV_REA_TX=f"reason {n}") for n in range(20)]
    write(spark, runs.source, [*rows, removal(98, aircraft_id=None, component_id=None), removal(99, id=None)])

    def lose_one(name, value):
        if name != step:
            return value
        return value[1:] if isinstance(value, list) else _without_one(value)

    report = runs.run(lose_one)
    assert report.exit_code == 4, report.error
    assert not report.balanced


def test_the_run_after_a_loss_repairs_it_or_says_so_again(spark, lts_graph, loads):
    """What was lost inside a micro-batch is read again; what never was counted is said until the load starts fresh."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(20)])
    assert runs.run(lambda name, value: _without_one(value) if name == "nodes" else value).exit_code == 4
    assert runs.succeed()["totals"]["rows_read"] == 20
    runs.start_over()
    runs.options["take_over"] = True
    assert runs.run(lambda name, value: _without_one(value) if name == "read" else value).exit_code == 4
    assert runs.run().exit_code == 4
    assert runs.succeed(reset_checkpoint=True)["totals"]["rows_read"] == 20


def _without_one(frame):
    first = frame.columns[0]
    lost = frame.where(frame[first].isNotNull()).orderBy(first).limit(1).collect()[0][first]
    return frame.where(~frame[first].eqNullSafe(lost))
