"""
How the package reaches processes that cannot import it: workers, and the Connect server's `foreachBatch`.

Registered by value, functions and classes travel inside the pickled task. One package, one name to register.
"""

from __future__ import annotations

import pyspark.cloudpickle

import delta_neo4j


def travel_by_value() -> None:
    """Let everything of this package be pickled by value from now on; safe to call again."""
    pyspark.cloudpickle.register_pickle_by_value(delta_neo4j)  # type: ignore[no-untyped-call]
