"""Drawn histories of three tables: after each run the whole graph is what the oracle makes of the tables."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.histories import histories
from tests.support.history_runs import seen, world

# Each step of a history takes seconds: nothing is shrunk for long, and the example that failed is printed whole.
ONCE = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture
def worlds(spark, newest_graph, loads, tmp_path):
    """Give a function that makes a world with empty tables."""
    numbers = count()
    return lambda: world(spark, newest_graph, loads, tmp_path / f"world{next(numbers)}")


def test_a_graph_follows_a_drawn_history(worlds):
    """Ten commits, three loads by the change feeds, one of them killed: the graph is equal after each."""

    @settings(max_examples=1, **ONCE)
    @given(histories())
    def followed(history):
        worlds().replay(history)

    followed()
