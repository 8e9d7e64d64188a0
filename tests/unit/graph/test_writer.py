"""What travels with a pass."""

from __future__ import annotations

import pytest
from pyspark import cloudpickle

from delta_neo4j.graph.passes.nodes import NodePass
from delta_neo4j.graph.passes.parameters import PropertyMaps
from delta_neo4j.graph.text_vectors import travels_with_pass
from delta_neo4j.runs.run import travel_by_value
from delta_neo4j.settings.connection import Connection
from delta_neo4j.settings.limits import LIMITS

CONNECTION = Connection("bolt://127.0.0.1:1", "neo4j", "the-password", "neo4j", 5)


@pytest.mark.parametrize("dimension", [128, 384, 1536])
def test_a_pass_with_vectors_stays_below_what_spark_puts_on_disk(dimension):
    """Above a megabyte PySpark writes the pickled function to a file, and the password is a part of it."""
    most = max(number for number in range(5_000) if travels_with_pass(number, dimension, LIMITS))
    texts = {f"{number:064x}": (bytes(4 * dimension), 12) for number in range(most)}
    work = NodePass(
        CONNECTION, "S" * 5_000, {}, {}, key_width=1, batch_rows=1, refusals_allowed=0, texts=texts,
        property_maps=PropertyMaps(tuple(f"a property with a long name {number}" for number in range(200))),
    )  # fmt: skip
    travel_by_value()
    packed = cloudpickle.dumps((work, "kind STRING, payload STRING"))
    assert b"the-password" in packed
    assert len(packed) < 1 << 20
