"""What a Connect server and workers run travels by value: they cannot import the project."""

from __future__ import annotations

import pyspark.cloudpickle

from delta_neo4j.pipeline import LoadStep
from delta_neo4j.shipping import travel_by_value


def test_the_step_of_a_micro_batch_can_be_pickled_with_all_that_it_calls():
    """A lock at module or class level would stop a load through Connect, and only there."""
    travel_by_value()
    assert pyspark.cloudpickle.dumps(LoadStep)
