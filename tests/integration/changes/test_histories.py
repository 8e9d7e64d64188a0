"""Drawn histories of three tables: after each run the whole graph is what the oracle makes of the tables."""

from __future__ import annotations

import time
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.histories import histories
from tests.support.history_runs import World, seen, world
from tests.support.history_steps import StepWorld

MODES = ("append", "cdf", "snapshot")
# So many histories at once in three tables, each with keys of its own: they cost as much time as one.
BUNDLES, LANES = 10, 20


def replayed(drawn, test, examples):
    """
    Run `test(history)` for so many drawn histories, the same ones each time.

    A step of a history costs seconds, so nothing is shrunk: the history that failed is printed whole, to be replayed by
    `@example`.
    """
    once = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    once(given(drawn)(test))()


@pytest.fixture
def worlds(spark, newest_graph, loads, tmp_path):
    """Give a function that makes a world with empty tables."""
    numbers = count()
    return lambda kind=World: world(spark, newest_graph, loads, tmp_path / f"world{next(numbers)}", kind)


def _is_killed_midway(load):
    """Return whether a load is killed between its writes; one of small micro-batches, which costs twice, is not."""
    return load.kill and load.kill[0] in {"nodes", "texts", "edges"} and not (load.reset or load.small)


def test_a_graph_follows_drawn_histories(worlds):
    """Five at once through the step: ten commits, two loads of the changes, the second one killed as it writes."""
    drawn = histories(lanes=5, loads=2).filter(lambda history: _is_killed_midway(history[-1]))
    replayed(drawn, lambda history: worlds(StepWorld).replay(history), 1)


@pytest.mark.deep
def test_a_graph_follows_drawn_histories_through_streams(worlds):
    """With mode changes, resets, kills, small micro-batches and changes passed to `process_batch`."""
    drawn = histories(("cdf", "snapshot"), commits=12, loads=4, process=True)
    replayed(drawn, lambda history: worlds().replay(history), 5)


@pytest.mark.deep
@pytest.mark.parametrize("mode", ["append", "snapshot"])
def test_a_late_row_loses_against_a_newer_one(worlds, mode):
    """In the modes where the sequence decides, rows may come in any order."""
    replayed(histories((mode,), late=True), lambda history: worlds().replay(history), 1)


@pytest.mark.deep
def test_a_history_ends_in_the_same_graph_in_each_mode(worlds):
    """`append` with resets after rewrites, `cdf` and `snapshot`."""

    def same(history):
        ends = []
        for mode in MODES:
            followed = worlds()
            followed.replay(history, mode)
            ends.append(seen(followed.graph))
        assert ends[0] == ends[1] == ends[2]

    replayed(histories(), same, 1)


@pytest.mark.deep
@pytest.mark.timeout(3600)
def test_a_graph_follows_drawn_histories_through_the_step(worlds):
    """Two hundred histories, twenty at a time, each with its own keys and rows: commits cut, micro-batches killed."""

    def followed(history):
        began = time.monotonic()
        worlds(StepWorld).replay(history)
        print(f"a bundle of {LANES} histories: {time.monotonic() - began:.0f} s")  # noqa: T201

    replayed(histories(lanes=LANES, loads=4), followed, BUNDLES)
