"""A run that is killed anywhere and started again leaves the graph of an uninterrupted one."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.support import jobs
from tests.support.graph_dump import REGISTRY, dump
from tests.support.load_job import FLUSH_TEXTS
from tests.support.tables import removal, write

BATCHES, ROWS = 3, 60
ONE_FILE = {"batch_size": 1, "bytes_per_row": 1}  # one byte a trigger: every file is a micro-batch of its own


def _table(runs, spark):
    for batch in range(BATCHES):
        numbers = range(batch * ROWS, (batch + 1) * ROWS)
        # Keys come back in later batches with other content: order matters as much as completeness.
        rows = [removal(n % 150, RMV_REA_TX=f"reason {n}", component_id=f"C{n % 17}") for n in numbers]
        write(spark, runs.source, rows)


def _killed(runs, *step):
    """Run the load in a process of its own, which kills itself at a step."""
    code, _, errors = jobs.ended(jobs.start(runs, *step))
    assert code == -signal.SIGKILL, errors[-2000:]


def test_a_killed_job_resumes_to_the_same_graph(spark, lts_graph, loads, endpoint):
    """SIGKILL in the middle of the second micro-batch's texts: the graph ends equal, one flush is paid for twice."""
    runs = loads(lts_graph)
    _table(runs, spark)
    runs.succeed(**ONE_FILE)
    whole = dump(lts_graph.driver)
    lts_graph.empty()
    endpoint.texts.clear()
    runs.start_over()
    flushes = -(-ROWS // FLUSH_TEXTS)
    # The second micro-batch has kept one flush, and holds the next.
    _killed(runs, "flush", flushes + 2)
    # By this `verify` and retries see that the load was killed.
    assert lts_graph.value(
        f"MATCH (n:{REGISTRY}) WHERE n.run IS NOT NULL RETURN all(x IN collect(n) WHERE x.loading) AS l"
    )
    runs.succeed(**ONE_FILE)
    assert dump(lts_graph.driver) == whole
    paid = Counter(_reasons(endpoint))
    assert len(paid) == BATCHES * ROWS
    # What was kept is not paid for again; what was answered but not kept, or still asked for, is.
    assert FLUSH_TEXTS <= paid.total() - len(paid) <= 2 * FLUSH_TEXTS


def _reasons(endpoint):
    return [text for text in endpoint.texts if text.startswith("reason")]


def test_two_runs_on_one_checkpoint_are_told_apart(spark, lts_graph, loads):
    """The micro-batch was committed by somebody else while it was written: exit code 8, and nothing is lost."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(5)])

    def meanwhile(step, value):
        if step == "ledger":
            commits = Path(runs.state) / "checkpoints" / "removals" / "commits"
            commits.mkdir(exist_ok=True)
            (commits / "0").write_text('v1\n{"nextBatchWatermarkMs":0}')
        return value

    report = runs.run(meanwhile)
    assert report.exit_code == 8, report.error
    assert "another run works on this checkpoint" in str(report.error)
    assert runs.succeed()["balanced"]
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 5


@pytest.mark.deep
@pytest.mark.parametrize("time_of_step", [1, 3])
@pytest.mark.parametrize(
    "step",
    [
        "read",
        "validate",
        "rank",
        "stage",
        "embed",
        "flush",
        "nodes",
        "relationships HAS_REMOVAL_EVENT",
        "registry",
        "ledger",
    ],
)
def test_a_job_killed_at_any_step_resumes_to_the_same_graph(spark, lts_graph, loads, step, time_of_step):
    """The kill matrix: every step of an early and of a later micro-batch."""
    runs = loads(lts_graph)
    _table(runs, spark)
    runs.succeed(**ONE_FILE)
    whole = dump(lts_graph.driver)
    lts_graph.empty()
    runs.start_over()
    _killed(runs, step, time_of_step)
    runs.succeed(**ONE_FILE)
    assert dump(lts_graph.driver) == whole
