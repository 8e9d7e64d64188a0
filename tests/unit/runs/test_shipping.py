"""What a Connect server and workers run travels by value: they cannot import the project."""

from __future__ import annotations

import pyspark.cloudpickle

from delta_neo4j import __version__
from delta_neo4j.graph.bolt import transactions
from delta_neo4j.pipeline.loader import BatchLoader
from delta_neo4j.runs.run import travel_by_value


def test_the_step_of_a_micro_batch_can_be_pickled_with_all_that_it_calls():
    """A lock at module or class level would stop a load through Connect, and only there."""
    travel_by_value()
    assert pyspark.cloudpickle.dumps(BatchLoader)


def test_what_a_worker_calls_itself_travels_too():
    """Neo4j sees the package's version, though a worker has no package to look it up in."""
    travel_by_value()
    assert f"delta-neo4j/{__version__}".encode() in pyspark.cloudpickle.dumps(transactions.open_driver)
