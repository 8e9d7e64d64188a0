"""Connections that are cut and servers that are killed while a run writes: the graph ends equal, the ledger adds up."""

from __future__ import annotations

import threading

import pytest

from delta_neo4j.errors import GraphUnavailableError
from delta_neo4j.settings.values import Neo4jSettings
from tests.support.bolt_proxy import Commits, in_front_of
from tests.support.graph_dump import dump
from tests.support.neo4j_servers import PASSWORD, Graph, start_server
from tests.support.places import LOCAL
from tests.support.tables import removal, write

ROWS = 40
STAGES = ("nodes", "HAS_REMOVAL", "HAS_REMOVAL_EVENT")
NODES = "MATCH (n:RemovalEvent) RETURN count(n) AS c"
EDGES = "MATCH ()-[e:HAS_REMOVAL|HAS_REMOVAL_EVENT]->() RETURN count(e) AS c"


def _through(proxy):
    return {"neo4j": Neo4jSettings(uri=proxy.uri, username="neo4j", password=PASSWORD), "batch_size": 10}


def _filled(spark, runs):
    """Load without a fault; give the summary and the graph, which is empty afterwards."""
    write(spark, runs.source, [removal(n) for n in range(ROWS)])
    summary, whole = runs.succeed(batch_size=10), dump(runs.graph.driver)
    runs.graph.empty()
    runs.start_over()
    return summary, whole


def test_a_commit_whose_answer_is_lost_is_no_row_twice(spark, lts_graph, loads):
    """In each pass the second commit is done, and the connection cut before its answer: the run sends it again."""
    runs = loads(lts_graph)
    uninterrupted, whole = _filled(spark, runs)
    held = {}

    def cut(stage, number):
        if stage in STAGES and number == 2:
            held[stage] = (lts_graph.value(NODES), lts_graph.value(EDGES))
            return True
        return False

    with in_front_of(lts_graph.server, Commits(cut)) as proxy:
        summary = runs.succeed(**_through(proxy))
    assert list(held) == list(STAGES)
    assert all(nodes < ROWS or edges < 2 * ROWS for nodes, edges in held.values())
    assert len(proxy.withheld) == len(STAGES)
    assert proxy.succeeded  # the server had committed each of them
    assert dump(lts_graph.driver) == whole
    told, before = summary["totals"], uninterrupted["totals"]
    assert summary["writer"]["retries"] == len(STAGES)
    assert told["rows_read"] == before["rows_read"]
    outcomes = told["outcomes"]
    assert outcomes["written"] + outcomes["unchanged"] == before["outcomes"]["written"]
    assert runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]["unchanged"] == ROWS


@pytest.fixture
def own_graph(tmp_path):
    """An empty graph on a server that the test may kill."""
    graph = Graph(start_server("5.26", tmp_path / "neo4j", LOCAL / "neo4j" / "lib"))
    yield graph
    graph.driver.close()
    graph.server.stop()


def _start_again(server):
    server.start()
    server.wait_ready(120)


@pytest.mark.deep
@pytest.mark.parametrize(("stage", "at_once"), [("nodes", True), ("HAS_REMOVAL", True), ("HAS_REMOVAL_EVENT", False)])
def test_a_server_that_is_killed_while_it_writes_is_written_to_the_end(spark, own_graph, loads, stage, at_once):
    """SIGKILL, the same store: the run waits and goes on, or ends with the exit code of an unavailable graph."""
    runs = loads(own_graph)
    _, whole = _filled(spark, runs)
    held = []

    def kill(found, number):
        if found == stage and number == 3:
            held.append((own_graph.value(NODES), own_graph.value(EDGES)))
            own_graph.server.kill()
            if at_once:
                threading.Thread(target=_start_again, args=[own_graph.server]).start()
        return False

    with in_front_of(own_graph.server, Commits(kill)) as proxy:
        report = runs.run(**_through(proxy), graph_retry_seconds=120 if at_once else 3)
    ((nodes, edges),) = held
    assert nodes < ROWS or edges < 2 * ROWS
    if at_once:
        assert report.error is None, report.error
        assert report.balanced
        assert report.summary()["writer"]["retries"] > 0
    else:
        assert report.exit_code == GraphUnavailableError.exit_code, report.error
        _start_again(own_graph.server)
        assert runs.succeed()["totals"]["rows_read"] == ROWS
    assert dump(own_graph.driver) == whole
    assert runs.succeed()["totals"]["rows_read"] == 0
