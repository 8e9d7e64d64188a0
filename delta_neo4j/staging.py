"""
A micro-batch frozen in Parquet beside its checkpoint, so that every later pass reads the same rows.

Inside `foreachBatch` each action reads the source anew and nothing can be pruned; `cache` does not exist
everywhere. One write pays for itself by the second pass, and its slices are what bounds memory and moves
progress when one file of a gigabyte is one micro-batch. Each batch overwrites the last.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.ranking import STATE
from delta_neo4j.spark_errors import SPARK_ERRORS
from delta_neo4j.validation import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.plan import Table

SLICE = "slice"
_REBASING = ("spark.sql.parquet.datetimeRebaseModeInWrite", "spark.sql.parquet.int96RebaseModeInWrite")
_ABANDONED_SECONDS = 86_400.0
SLICE_ROWS = 100_000  # twenty seconds of writing: how often progress moves and memory starts anew


def clear_scratch(path: str) -> None:
    """Remove a run's folder, and those of runs killed a day ago; what is not on a path of this machine stays."""
    mine = Path(path.removeprefix("file:"))
    for other in mine.parent.glob("*"):
        if other == mine or time.time() - other.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def slices(rows_read: int) -> int:
    """Give the number of slices of a micro-batch."""
    return max(1, -(-rows_read // SLICE_ROWS))


def freeze(table: Table, ranked: DataFrame, path: str, count: int) -> DataFrame:
    """
    Write ranked rows, partitioned by (state, slice of the key), and give them back from there.

    Rows of one text lie together: Neo4j's vector index takes equal vectors a third faster in a row than scattered
    (measured), and the partitioned write sorts anyway.
    """
    keys = [typed(table, prop) for prop in table.key]
    sliced = ranked.withColumn(SLICE, F.pmod(F.xxhash64(*keys), F.lit(count)).cast("int"))
    sliced = sliced.sortWithinPartitions(STATE, SLICE, "text_hash")
    with _moments_as_they_are(ranked.sparkSession):
        overwrite(sliced, path, STATE, SLICE)
    return ranked.sparkSession.read.schema(sliced.schema).parquet(path)


def overwrite(frame: DataFrame, path: str, *partitions: str) -> None:
    """Put a frame in the place of all that is at `path`, whatever the session's mode of overwriting."""
    writer = frame.write.mode("overwrite").option("partitionOverwriteMode", "static")
    writer.partitionBy(*partitions).parquet(path)


@contextmanager
def _moments_as_they_are(spark: SparkSession) -> Iterator[None]:
    """Let Spark 3.5 write moments before the Gregorian calendar as 4.0 does; left alone it refuses them."""
    before: dict[str, str] = {}
    if spark.version.startswith("3."):
        with suppress(*SPARK_ERRORS):  # where nobody may set it, it is as it is
            for name in _REBASING:
                before[name] = str(spark.conf.get(name))
                spark.conf.set(name, "CORRECTED")
    try:
        yield
    finally:
        with suppress(*SPARK_ERRORS):
            for name, mode in before.items():
                spark.conf.set(name, mode)
