"""The lanes of `pytest --lane`: the same tests on other libraries, or through another kind of session."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import tests
from dev.processes import free_port

# What is left out on a lane, by marker, and why.
LEFT_OUT = {
    "main": {"connect": "the Connect lane runs them"},
    "lts": {
        "connect": "the Connect lane runs them",
        "needs_model": "the lane has neither torch nor MLflow",
        "class_archive": "the lane starts Spark without an archive",
        "newest_spark": "Spark 3.5 has not all of the names that the newest Spark has",
        "named_arguments": "Spark 3.5 calls no Python function with named arguments",
    },
    "connect": {
        "classic": "a Connect session does not show Spark's own JVM",
        "class_archive": "the main lane shows it",
    },
}


def on(lane, items):
    """Part a lane's tests into (kept, left out, reasons); of whole loads others than main run `every_lane`."""
    kept, left_out, reasons = [], [], {}
    for item in items:
        why = _why_not(item, lane)
        (left_out if why else kept).append(item)
        if why:
            reasons[why] = reasons.get(why, 0) + 1
    return kept, left_out, [f"{count} {why}" for why, count in reasons.items()]


def _why_not(item, lane):
    for marker, reason in LEFT_OUT[lane].items():
        if item.get_closest_marker(marker):
            return f"because {reason}"
    # On both Neo4j lines these loads run in the main lane; a Spark of another version meets one of them.
    whole_load = lane != "main" and item.nodeid.startswith("tests/integration/")
    if whole_load and (not item.get_closest_marker("every_lane") or item.get_closest_marker("calendar")):
        return "that are whole loads of the main lane"
    return None


def connect_session(folder, options):
    """
    Start a Connect server with Delta in `folder`, on a free port, and give a session of it.

    Its Python workers start in that folder too, where nothing of the project is.
    """
    import pyspark.cloudpickle
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

    from delta_neo4j.cli.local_spark import delta_jars

    pyspark.cloudpickle.register_pickle_by_value(tests)  # stand-ins that are SQL functions
    port = free_port()
    # A client that starts its own server looks for it at the usual port, wherever it was told to listen.
    DefaultChannelBuilder.default_port = staticmethod(lambda: port)
    builder = SparkSession.builder.remote("local[2]")
    for name, value in {**delta_jars(), **options, "spark.connect.grpc.binding.port": str(port)}.items():
        builder = builder.config(name, value)
    with _standing_in(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client sets again what only a server that starts can be told
        return builder.getOrCreate()


@contextmanager
def _standing_in(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
