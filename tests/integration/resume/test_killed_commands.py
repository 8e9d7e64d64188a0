"""SIGKILL in the middle of a sweep, of a repair and of a retry of dead letters: the next run ends equal."""

from __future__ import annotations

import signal

import pytest

from delta_neo4j.state.tables import State
from tests.support import jobs
from tests.support.bolt_proxy import Commits, in_front_of
from tests.support.graph_dump import dump
from tests.support.tables import removal, write

pytestmark = pytest.mark.deep
NODES = "MATCH (n:RemovalEvent) RETURN count(n) AS c"
WRONG = "MATCH (n:RemovalEvent) WHERE n.cost_estimate = -1.0 OR NOT (n)<-[:HAS_REMOVAL]-() RETURN count(n) AS c"


def _killed(runs, stage, number, statement, **settings):
    """Kill a command as it sends a stage's commit of that number; give what the graph answered then."""
    found = []

    def kill(at, count):
        if (at, count) == (stage, number) and not found:
            found.append(runs.graph.value(statement))
            jobs.kill(job)
        return False

    with in_front_of(runs.graph.server, Commits(kill)) as proxy:
        job = jobs.start(runs, uri=proxy.uri, **settings)
        code, _, errors = jobs.ended(job)
    assert code == -signal.SIGKILL, errors[-2000:]
    (answer,) = found
    return answer


def test_a_sweep_that_is_killed_is_done_by_the_next_run(spark, lts_graph, loads):
    """Some of the rows that the table has no more are deleted, and some not yet."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(20)])
    runs.succeed()
    whole = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    write(spark, runs.source, [removal(n, component_id=f"gone {n}") for n in range(20, 40)])
    runs.succeed()
    spark.sql(f"DELETE FROM delta.`{runs.source}` WHERE component_id LIKE 'gone%'")
    assert 20 < _killed(runs, "delete", 8, NODES, reset_checkpoint=True) < 40
    assert lts_graph.value(NODES) > 20
    summary = jobs.succeeded(jobs.start(runs))
    assert summary["balanced"]
    assert 0 < summary["tables"][0]["swept"] < 20
    assert dump(lts_graph.driver) == whole
    assert State(runs.state).read(spark, "ledger").where("batch_id = -1").count() == 1
    assert runs.succeed()["totals"]["rows_read"] == 0


@pytest.mark.parametrize("stage", ["repair", "nodes", "HAS_REMOVAL"])
def test_a_repair_that_is_killed_is_done_by_the_next_one(spark, lts_graph, loads, stage):
    """Hashes and relationships of the rows are gone, and some of them are not written again yet."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(30)])
    runs.succeed()
    whole = dump(lts_graph.driver)
    lts_graph.query("MATCH (n:RemovalEvent) WHERE n.removal_id < 'RE000020' SET n.cost_estimate = -1.0")
    assert 0 < _killed(runs, stage, 8, WRONG, command="repair") <= 20
    assert lts_graph.value(WRONG)
    assert jobs.succeeded(jobs.start(runs, command="repair"))["equal"]
    assert dump(lts_graph.driver) == whole
    assert runs.succeed()["totals"]["rows_read"] == 0


def test_a_retry_that_is_killed_is_done_by_the_next_one(spark, lts_graph, loads, endpoint):
    """Some of the rows are in the graph, and all of their dead letters are open still."""
    runs = loads(lts_graph)
    rows = [removal(n) for n in range(30)] + [removal(n, RMV_REA_TX=f"odd {n}") for n in range(30, 40)]
    write(spark, runs.source, rows)
    runs.succeed()
    whole = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    endpoint.answer = lambda texts: (400, {}, '{"message": "bad"}') if any("odd" in each for each in texts) else None
    report = runs.run()
    assert report.summary()["tables"][0]["open_dead_letters"] == 10, report.error
    endpoint.answer = lambda texts: None  # noqa: ARG005  # it is mended
    assert 30 <= _killed(runs, "nodes", 5, NODES, command="retry") < 40
    summary = jobs.succeeded(jobs.start(runs, command="retry"))
    assert summary["balanced"]
    (table,) = summary["tables"]
    assert table["rows_read"] == 10
    assert table["open_dead_letters"] == 0
    assert dump(lts_graph.driver) == whole
    assert runs.succeed()["totals"]["rows_read"] == 0
