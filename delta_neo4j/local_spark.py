"""Spark on one machine: the settings of a short local load, and a start whose failure is one line."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from delta import configure_spark_with_delta_pip
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from delta_neo4j import worker_daemon
from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

LOCAL_SPARK = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    # A local load is over before the second compiler pays off, and its threads are Neo4j's cores.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # A few cores share one disk here: the cluster's defaults of 200 and 50 are all overhead.
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
    # A text that names no zone is the same instant on every machine.
    "spark.sql.session.timeZone": "UTC",
    "spark.log.level": "ERROR",
}


def start(environment: MutableMapping[str, str], **options: str) -> SparkSession:
    """
    Start Spark with Delta on this machine, bound to the loopback; `options` are Spark settings.

    `environment` is the one that Spark's workers inherit. The jars come through Spark's own resolver; a failure
    there shows only as a gateway that exits.
    """
    # Workers start with whatever `python3` is first on the path, and miss the virtual environment.
    worker_python = environment.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[*]").appName("delta-neo4j")
    for name, value in {**LOCAL_SPARK, **_daemon(worker_python), **options}.items():
        builder = builder.config(name, value)
    # Spark's launcher talks on the standard error of its whole life; the one line worth reading is kept for us.
    with tempfile.TemporaryFile() as noise:
        try:
            with _standard_error_to(noise.fileno()):
                return configure_spark_with_delta_pip(builder).getOrCreate()
        except PySparkRuntimeError as error:
            noise.seek(0)
            raise SettingsError(
                f"Spark did not start: {_reason(noise.read().decode(errors='replace'), str(error))}; it needs Java 17 "
                "(JAVA_HOME) and, the first time, the way to a Maven repository for Delta's jars"
            ) from error


def _daemon(worker_python: str) -> dict[str, str]:
    """Give the setting for our daemon where workers can import it: this very Python, the package installed in it."""
    if worker_python != sys.executable:
        return {}
    try:
        distribution("delta-neo4j")
    except PackageNotFoundError:
        return {}
    return {"spark.python.daemon.module": worker_daemon.__name__}


@contextmanager
def _standard_error_to(descriptor: int) -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _reason(log: str, otherwise: str) -> str:
    telling = [line.strip() for line in log.splitlines() if "Exception" in line or "Error" in line or "rror:" in line]
    return (telling or otherwise.splitlines())[0][:300]
