"""The lanes of `pytest --lane`: the same tests on other libraries, or through another kind of session."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

# What cannot exist on a lane, by marker, and why. The main lane runs everything.
LEFT_OUT = {
    "main": {},
    "lts": {
        "needs_model": "the lane has neither torch nor MLflow",
        "named_arguments": "Spark 3.5 calls no Python function with named arguments",
    },
    "connect": {"classic": "a Connect session does not show Spark's own JVM"},
}


def on(lane, items):
    """Part a lane's tests into (kept, left out, reasons); of whole loads it runs those marked `every_lane`."""
    if lane == "main":
        return items, [], []
    reasons = LEFT_OUT[lane]
    kept = [item for item in items if not _marks(item, reasons) and _is_the_lanes(item)]
    why = [reasons[name] for name in reasons if any(name in item.keywords for item in items)]
    return kept, [item for item in items if item not in kept], why


def _marks(item, names):
    return [name for name in names if item.get_closest_marker(name)]


def _is_the_lanes(item):
    if "integration" not in item.path.parts:
        return True
    # On both Neo4j lines these loads run in the main lane; a Spark of another version meets one of them.
    return bool(item.get_closest_marker("every_lane")) and not item.get_closest_marker("calendar")


def connect_session(folder, options):
    """
    Start a Connect server with Delta in `folder`, on a free port, and give a session of it.

    Its Python workers start in that folder too, where nothing of the project is.
    """
    from delta import configure_spark_with_delta_pip
    from pyspark.sql import SparkSession

    jars = configure_spark_with_delta_pip(SparkSession.builder)._options["spark.jars.packages"]
    builder = SparkSession.builder.remote("local[2]").config("spark.jars.packages", jars)
    for name, value in {**options, "spark.connect.grpc.binding.port": "0"}.items():
        builder = builder.config(name, value)
    with _standing_in(folder):
        return builder.getOrCreate()


@contextmanager
def _standing_in(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
