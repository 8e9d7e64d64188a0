"""
A micro-batch frozen in Parquet beside its checkpoint, so that every later pass reads the same rows.

Inside `foreachBatch` each action reads the source again, with all columns, and `cache` does not exist on every
compute. The one write saves time from the second pass on. The slices of the frozen rows bound the memory
of a pass and show progress, because one file of a gigabyte may be one micro-batch. Each micro-batch overwrites the
frozen rows of the one before.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import spark_errors
from delta_neo4j.source.ranking import STATE
from delta_neo4j.source.row_columns import RowColumns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table

SLICE = "slice"
_REBASING = ("spark.sql.parquet.datetimeRebaseModeInWrite", "spark.sql.parquet.int96RebaseModeInWrite")
_ABANDONED_SECONDS = 86_400.0


def clear_scratch(path: str) -> None:
    """
    Remove the folder `path` of a run's frozen rows, and its neighbours that no run has changed for a day.

    Nothing is removed if `path` is not on a path of this machine.
    """
    own = Path(path.removeprefix("file:"))
    for folder in own.parent.glob("*"):
        if folder == own or time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def slices(rows_read: int, slice_rows: int) -> int:
    """Return the number of slices of a micro-batch: each has about `slice_rows` rows, and there is at least one."""
    return max(1, -(-rows_read // slice_rows))


def freeze(table: Table, ranked: DataFrame, path: str, count: int) -> DataFrame:
    """
    Write ranked rows to `path`, partitioned by state and `slice` (0 to `count` - 1), and return the rows read back.

    A row's slice is a hash of its key. Rows with the same text are neighbours: Neo4j's vector index takes equal vectors
    a third faster one after the other than scattered (measured), and the partitioned write sorts anyway.
    """
    columns = RowColumns(table, ranked.schema)
    keys = [columns.value(prop) for prop in table.key]
    sliced = ranked.withColumn(SLICE, F.pmod(F.xxhash64(*keys), F.lit(count)).cast("int"))
    sliced = sliced.sortWithinPartitions(STATE, SLICE, "text_hash")
    with without_rebasing(ranked.sparkSession):
        overwrite(sliced, path, STATE, SLICE)
    return ranked.sparkSession.read.schema(sliced.schema).parquet(path)


def overwrite(frame: DataFrame, path: str, *partitions: str) -> None:
    """Write a frame to `path`, by `partitions`, in place of all files there, whatever the session's overwrite mode."""
    writer = frame.write.mode("overwrite").option("partitionOverwriteMode", "static")
    writer.partitionBy(*partitions).parquet(path)


@contextmanager
def without_rebasing(spark: SparkSession) -> Iterator[None]:
    """Make Spark 3.5 write dates before the Gregorian calendar as Spark 4 does; by default Spark 3.5 refuses them."""
    before: dict[str, str] = {}
    if spark.version.startswith("3."):
        with suppress(*spark_errors()):  # some sessions may not change the setting: the default stays
            for name in _REBASING:
                before[name] = str(spark.conf.get(name))
                spark.conf.set(name, "CORRECTED")
    try:
        yield
    finally:
        with suppress(*spark_errors()):
            for name, mode in before.items():
                spark.conf.set(name, mode)
