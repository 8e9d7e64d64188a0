"""Spark settings for tests: of a session that runs hundreds of tiny jobs, or only a few of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

SKIPPING = "spark.databricks.delta.stats.skipping"
# Hundreds of tiny jobs: compiling them well costs more than running them (half the CPU, measured).
QUICK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    # Without native Hadoop each file made is a `chmod` started, each renamed a `readlink`: 180 processes a load. One
    # session alone writes these tables, so renames within it are enough.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.databricks.delta.writeChecksumFile.enabled": "false",
    # Of tables with a few files, each file is read.
    SKIPPING: "false",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.FileSystemBasedCheckpointFileManager"
    ),
}


@contextmanager
def skipping_files(spark: SparkSession) -> Iterator[None]:
    """Restore Delta's default in a block: without it Delta reads no table with deletion vectors."""
    before = spark.conf.get(SKIPPING, "true")
    spark.conf.set(SKIPPING, "true")
    try:
        yield
    finally:
        spark.conf.set(SKIPPING, before)


def quick_command(folder: Path) -> dict[str, str]:
    """Return the environment in which a command of the product starts its own session with these settings."""
    folder.mkdir(exist_ok=True)
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in QUICK.items()))
    return {"SPARK_CONF_DIR": str(folder)}
