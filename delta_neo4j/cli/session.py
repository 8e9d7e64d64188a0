"""The Spark session of a command: the session of the notebook or cluster, or a new one on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def spark_session() -> SparkSession:
    """Return the session of this notebook or cluster, else start Spark here; raise `SettingsError` without pyspark."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SettingsError(
            "pyspark is missing; install it with pip install 'delta-neo4j[spark]' (Databricks brings its own)"
        ) from error
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if "DATABRICKS_RUNTIME_VERSION" in os.environ or "SPARK_REMOTE" in os.environ:
        return SparkSession.builder.getOrCreate()
    return local_session()


def local_session(**options: str) -> SparkSession:
    """Start Spark with Delta on this machine and return its session; `options` are Spark settings."""
    from delta_neo4j.cli import local_spark

    return local_spark.start(os.environ, **options)
