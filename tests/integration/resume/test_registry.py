"""The registry in the graph: a load notices that its graph was emptied or restored, and one run writes at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from delta_neo4j.errors import CheckpointHeldError, PreflightError
from delta_neo4j.graph import registry
from delta_neo4j.graph.registry import Entry, Holder
from delta_neo4j.runs import clear
from delta_neo4j.runs.leases import birth, leased
from delta_neo4j.runs.retry_letters import retry
from delta_neo4j.runs.verify.verify import verify
from delta_neo4j.settings.connection import Connection
from delta_neo4j.settings.limits import Limits
from tests.support.graph_dump import REGISTRY, dump
from tests.support.neo4j_servers import PASSWORD
from tests.support.tables import removal, write

ENTRY = Entry("removals", "source", "append", "state", "load", 0, 1)
ELSEWHERE = Holder("foreign", "another-host", 1, "")
QUICK = Limits(lease_seconds=30, renew_seconds=0.1)
ONE = f"MATCH (n:{REGISTRY}) RETURN n{{.*}} AS n"


def _connection(graph):
    return Connection(graph.uri, "neo4j", PASSWORD, "neo4j", 5)


def test_one_of_many_runs_gets_the_leases_of_its_sources(graph):
    """
    On both lines: none of the others gets any; a run without its lease writes nothing; an empty node goes again.

    The marks tell that a run writes, and one micro-batch from the next.
    """
    connection = _connection(graph)
    graph.query(f"CREATE CONSTRAINT FOR (n:{REGISTRY}) REQUIRE n.token IS UNIQUE")
    holders = [Holder(f"run {number}", "host", number, "") for number in range(6)]
    with ThreadPoolExecutor(len(holders)) as pool:
        answers = list(pool.map(lambda one: registry.take(connection, ["b", "a"], one, 60), holders))
    (winner,) = [holder for holder, (held, _) in zip(holders, answers, strict=True) if not held]
    assert {lease.holder for held, _ in answers for lease in held} == {winner}
    assert {row["run"] for row in graph.query(f"MATCH (n:{REGISTRY}) RETURN n.run AS run")} == {winner.run}
    assert registry.renew(connection, ["a", "b"], "somebody", 60) == 0
    assert registry.renew(connection, ["a", "b"], winner.run, 60) == 2
    with pytest.raises(CheckpointHeldError, match=rf"run {winner.run} has it \(process {winner.process} on host\)"):
        registry.write(connection, "a", "somebody", ENTRY)
    registry.write(connection, "a", winner.run, ENTRY)
    marks, is_written = registry.marks(connection, ["a", "b"])
    assert is_written
    later = replace(ENTRY, batch=1, version=2)
    registry.write(connection, "a", winner.run, later)
    assert registry.marks(connection, ["a", "b"])[0] != marks
    registry.give_back(connection, ["a", "b"], "somebody")
    registry.give_back(connection, ["a", "b"], winner.run)
    assert not registry.marks(connection, ["a", "b"])[1]
    assert graph.query(ONE) == [{"n": {"token": "a", **vars(later)}}]
    assert registry.take(connection, ["a", "b"], holders[0], 60) == ([], {"a": later})
    assert registry.remove(connection, ["a", "b"]) == 1
    assert graph.query(ONE) == []


def test_a_lease_is_waited_for_until_it_runs_out_or_is_renewed(lts_graph):
    """A process that is gone holds nobody up; one elsewhere is waited for; one that goes on is named."""
    connection = _connection(lts_graph)
    killed = _killed_holder(connection, lts_graph)
    registry.take(connection, ["a"], killed, 3_600)
    with leased(connection, ["a", "b"], "next", QUICK) as (_, awaited):
        assert not awaited
        with (
            pytest.raises(CheckpointHeldError, match=rf"goes on: run next, process {os.getpid()} on"),
            leased(connection, ["b", "c"], "too late", QUICK),
        ):
            pass
    assert lts_graph.query(ONE) == []
    registry.take(connection, ["a"], ELSEWHERE, 0.5)
    with leased(connection, ["a"], "after it", QUICK) as (_, awaited):
        assert awaited


def test_what_a_killed_load_has_written_is_not_compared_or_taken_back(spark, lts_graph, loads):
    """Its lease may have run out, or still run; `verify`, a repair and a retry ask for the next load, which ends it."""
    runs, connection = loads(lts_graph), _connection(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])
    runs.succeed()
    token = lts_graph.value(f"MATCH (n:{REGISTRY}) RETURN n.token AS token")
    lts_graph.query("MATCH (n:RemovalEvent {removal_id: 'RE000001'}) SET n.cost_estimate = 1.0")
    registry.take(connection, [token], replace(ELSEWHERE, loading=True), 0)
    for repair in (False, True):
        with pytest.raises(PreflightError, match="last load of table removals has not ended"):
            verify(spark, runs.settings(), repair=repair)
    assert "has not ended" in str(retry(spark, runs.settings()).error)
    registry.take(connection, [token], _killed_holder(connection, lts_graph), 3_600)
    with pytest.raises(PreflightError, match="has not ended"):
        verify(spark, runs.settings(), repair=True)
    assert lts_graph.value("MATCH (n:RemovalEvent {cost_estimate: 1.0}) RETURN count(n) AS c") == 1
    runs.succeed()
    assert verify(spark, runs.settings(), repair=True).repaired == 1


def _killed_holder(connection, graph):
    """Give a load of this machine whose process is gone."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with leased(connection, ["here"], "mine", QUICK):  # for the name of this host
        (here,) = graph.query(f"MATCH (n:{REGISTRY} {{token: 'here'}}) RETURN n{{.*}} AS n")
    holder = Holder("killed", here["n"]["host"], child.pid, birth(child.pid), loading=True)
    child.kill()
    child.wait()
    return holder


def test_a_load_stops_where_the_graph_was_emptied_or_restored(spark, lts_graph, loads):
    """
    Exit code 2 and the line; a repair or a fresh load mends it, also where only the registry is older than the ledger.

    A ledger from before the registry goes on where rows are.
    """
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])
    first = runs.succeed()
    (older,) = lts_graph.query(ONE)
    told = {name: older["n"][name] for name in ("token", "state", "version")}
    load_id = first["tables"][0]["load_id"]
    assert older["n"] == {**vars(ENTRY), "source": runs.source, "load": load_id, **told}
    write(spark, runs.source, [removal(n) for n in range(3, 6)])
    runs.succeed()
    (newest,) = lts_graph.query(ONE)
    assert newest["n"] == {**older["n"], "batch": 1, "version": newest["n"]["version"]}
    whole = dump(lts_graph.driver)

    lts_graph.query(f"MATCH (n:{REGISTRY}) SET n = $n", **older)
    _refused(runs, 2, "restored from a backup: its registry knows nothing after micro-batch 0", "verify --repair")
    assert verify(spark, runs.settings(), repair=True).repaired == 0
    assert runs.succeed()["totals"]["rows_read"] == 0
    assert runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]["unchanged"] == 6

    _forget_the_registry(spark, runs)
    assert runs.succeed()["totals"]["rows_read"] == 0
    assert lts_graph.value(f"MATCH (n:{REGISTRY}) RETURN n.batch AS batch") == 0
    _forget_the_registry(spark, runs)
    lts_graph.query("MATCH (n) DETACH DELETE n")
    _refused(runs, 2, "the graph was emptied", "it has none of the rows", "--reset-checkpoint")
    runs.succeed(reset_checkpoint=True)
    assert dump(lts_graph.driver) == whole
    lts_graph.query("MATCH (n) DETACH DELETE n")
    _refused(runs, 2, "the graph was emptied", "its registry does not know the table", "verify --repair")
    assert lts_graph.query(ONE) == []


def _refused(runs, code, *parts, **changes):
    report = runs.run(**changes)
    assert report.exit_code == code, report.error
    for part in parts:
        assert part in str(report.error)


def _forget_the_registry(spark, runs):
    """Make graph and ledger what a release before the registry left."""
    runs.graph.query(f"MATCH (n:{REGISTRY}) DELETE n")
    spark.sql(f"UPDATE delta.`{runs.state}/ledger` SET version = NULL")


def test_one_run_and_one_state_write_a_table_at_a_time(spark, lts_graph, loads):
    """Others end with exit codes 8 and 2; a run that lost its lease records nothing more; `clear` removes the node."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(3)])

    def lose(step, value):
        if step == "nodes":
            lts_graph.query(
                f"MATCH (n:{REGISTRY}) SET n.run = 'other', n.host = 'h', n.process = 1, n.until = datetime()"
            )
        return value

    report = runs.run(lose)
    assert report.exit_code == 8, report.error
    assert "run other has it (process 1 on h); the micro-batch is not recorded" in str(report.error)
    assert runs.succeed()["totals"]["rows_read"] == 3

    other = replace(runs)
    other.start_over()
    _refused(other, 2, "another state (id ", "has loaded table removals into this graph", "--take-over")
    assert other.succeed(take_over=True)["totals"]["outcomes"]["unchanged"] == 3
    _refused(runs, 2, "another state (id ")
    lts_graph.query("MATCH (n:RemovalEvent) SET n.cost_estimate = 1.0")
    with pytest.raises(PreflightError, match="another state"):  # it would take back what that state has written
        verify(spark, runs.settings(), repair=True)
    assert verify(spark, other.settings(), repair=True).is_equal
    assert runs.succeed(take_over=True)["totals"]["rows_read"] == 0
    runs.succeed()

    token = lts_graph.value(f"MATCH (n:{REGISTRY}) RETURN n.token AS token")
    found = clear.loaded(spark, runs.settings())
    with leased(_connection(lts_graph), [token], "other", QUICK):
        _refused(runs, 8, "another run writes the same tables to this graph, and goes on: run other")
        with pytest.raises(CheckpointHeldError):
            clear.clear(spark, runs.settings(), found)
    assert clear.clear(spark, runs.settings(), found)[-1].startswith(
        "the registry in the graph: 1 hidden nodes removed"
    )
    assert lts_graph.value("MATCH (n) RETURN count(n) AS c") == 0
