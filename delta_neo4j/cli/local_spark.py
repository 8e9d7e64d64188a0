"""Start Spark on this machine, with settings for a short local load; a failed start becomes a one-line error."""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from delta import configure_spark_with_delta_pip
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from delta_neo4j.cli import worker_daemon
from delta_neo4j.errors import SettingsError
from delta_neo4j.source.local_folder import STARTED_HERE

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

LOCAL_SPARK = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    # A local load ends before Java's second compiler pays off, and that compiler would take cores from Neo4j. With one
    # compiler Java keeps only 48 MB for compiled code; Spark fills them in half an hour, and then Java ends.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m",
    "spark.ui.enabled": "false",
    # Spark keeps for its user interface, also without one, the plans of a thousand queries: hundreds of megabytes.
    "spark.sql.ui.retainedExecutions": "10",
    "spark.ui.retainedTasks": "1000",
    # Spark writes each plan as text for that interface: in the long form 6 % of the CPU of a small load (measured).
    "spark.sql.ui.explainMode": "simple",
    "spark.ui.showConsoleProgress": "false",
    # A few cores share one disk here: with the defaults (200 and 50 partitions) overhead would take most of the time.
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
    # With a fixed zone, a text without a zone is the same moment on every machine.
    "spark.sql.session.timeZone": "UTC",
    "spark.log.level": "ERROR",
    # Ctrl-C: a stream cannot stop while its micro-batch waits in Python for an answer; the process ends anyway.
    "spark.sql.streaming.stopTimeout": "3s",
}
# With its libraries, a second of imports: they are done while Java starts.
NEEDED = "delta_neo4j.runs.load"


def start(environment: MutableMapping[str, str], **options: str) -> SparkSession:
    """
    Start Spark with Delta on this machine, bound to the loopback; `options` are Spark settings.

    `environment` is the environment that Spark's workers inherit. Raises `SettingsError` if Spark does not start.
    """
    # By default workers run the first `python3` on the path, which does not see the virtual environment.
    worker_python = environment.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[*]").appName("delta-neo4j")
    for name, value in {**LOCAL_SPARK, **delta_jars(), **_daemon(worker_python), **options}.items():
        builder = builder.config(name, value)
    # Spark's launcher prints many lines to standard error. Keep them in a file: if the start fails, the reason is only
    # there (pyspark's own error says that the gateway exited).
    with tempfile.TemporaryFile() as noise:
        try:
            with _standard_error_to(noise.fileno()), ThreadPoolExecutor(1) as beside:
                beside.submit(import_module, NEEDED)  # an import that fails fails again where it is needed
                spark = builder.getOrCreate()
        except PySparkRuntimeError as error:
            noise.seek(0)
            raise SettingsError(
                f"Spark did not start: {_reason(noise.read().decode(errors='replace'), str(error))}; it needs Java 17 "
                "(JAVA_HOME) and, the first time, the way to a Maven repository for Delta's jars"
            ) from error
    say_where_paths_lead(spark)
    return spark


def say_where_paths_lead(spark: SparkSession) -> None:
    """Note in the session whether a path without a scheme leads to this machine; Hadoop may be told otherwise."""
    system = spark._jsc.hadoopConfiguration().get("fs.defaultFS")  # noqa: SLF001  # only Hadoop knows all its sources
    spark.conf.set(STARTED_HERE, str(system.startswith("file:")).lower())


def delta_jars() -> dict[str, str]:
    """
    Return the Spark setting for Delta's jars: their paths in Ivy's cache, else the package for Spark's resolver.

    Spark's resolver downloads the jars into that cache at the first start; running it again costs a second at every
    start. In local mode the driver's class path is also the workers'. Only jars on it can be in a class archive.
    """
    named = configure_spark_with_delta_pip(SparkSession.builder)._options  # noqa: SLF001  # a builder shows it nowhere else
    package = named["spark.jars.packages"]
    group, name, version = package.split(":")
    for cache in (Path.home() / ".ivy2.5.2" / "cache", Path.home() / ".ivy2" / "cache"):  # Spark 4.0's, 3.5's
        # Delta's third jar, ANTLR's runtime, is not needed here: Spark has it, in the same version.
        jars = [cache / group / artifact / "jars" / f"{artifact}-{version}.jar" for artifact in (name, "delta-storage")]
        if all(jar.is_file() for jar in jars):
            return {"spark.driver.extraClassPath": os.pathsep.join(map(str, jars))}
    return {"spark.jars.packages": package}


def _daemon(worker_python: str) -> dict[str, str]:
    """Return the setting for `worker_daemon` if workers can import it: they run this Python, with the package in it."""
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
