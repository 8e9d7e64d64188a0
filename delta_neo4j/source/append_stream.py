"""A Delta table to which rows are only appended, as a stream of contract rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.source.contract import contract
from delta_neo4j.source.path_or_name import open_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table

APPEND = "append"  # the source mode that reads only new files


def stream(spark: SparkSession, table: Table, max_bytes_per_trigger: int) -> DataFrame:
    """Return a stream of contract rows; a micro-batch reads at most so many bytes, or one file if it is larger."""
    reader = spark.readStream.format("delta").option("maxBytesPerTrigger", str(max_bytes_per_trigger))
    return contract(table, open_table(reader, table.source))
