"""
A micro-batch frozen in Parquet beside its checkpoint, so that every later pass reads the same rows.

Inside `foreachBatch` each action reads the source anew and nothing can be pruned; `cache` does not exist
everywhere. One write pays for itself by the second pass, and its slices are what bounds memory and moves
progress when one file of a gigabyte is one micro-batch. Each batch overwrites the last.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.ranking import STATE
from delta_neo4j.validation import typed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.plan import Table

SLICE = "slice"
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
    sliced.write.mode("overwrite").partitionBy(STATE, SLICE).parquet(path)
    spark = ranked.sparkSession
    return spark.read.schema(sliced.schema).parquet(path)
