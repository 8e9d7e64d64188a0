"""What a load would read next, found by the load's own stream over a copy of its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import ranking, source
from delta_neo4j.errors import travelling
from delta_neo4j.validation import text, validated

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.plan import Table

_FOUND = "text_hash STRING, text STRING, rows BIGINT"


@dataclass(frozen=True)
class Pending:
    """Rows that wait, and the distinct texts of each micro-batch (`text_hash`, `text`, `batch`)."""

    rows: int
    texts: DataFrame


@dataclass(frozen=True)
class _Look:
    """The `foreachBatch` function that only looks; what it finds goes to files below `path`."""

    table: Table
    path: str
    last_recorded: int

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        if batch_id <= self.last_recorded:
            return
        with travelling():
            ranked = ranking.ranked(self.table, validated(self.table, batch), "", 2)
            told = ranked.select(text(self.table).alias("text"), "text_hash", ranking.STATE)
            told = told.withColumn("text_hash", F.when(F.col(ranking.STATE) == ranking.WINNER, F.col("text_hash")))
            # One pass: under null the rows that want no vector, under each hash the rows that want that one.
            counted = told.groupBy("text_hash").agg(F.first("text").alias("text"), F.count("*").alias("rows"))
            counted.write.mode("overwrite").parquet(f"{self.path}/batch={batch_id}")


def find(spark: SparkSession, table: Table, *, copy: str, last_recorded: int, max_bytes: int) -> Pending:
    """Run the table's stream on the checkpoint `copy`, which it may change, up to the newest version."""
    path = f"{copy}/pending"
    nothing = spark.createDataFrame([], _FOUND)  # so that a stream with nothing to read leaves something, too
    nothing.write.mode("overwrite").parquet(f"{path}/batch=-1")
    rows = source.stream(spark, table, max_bytes)
    query = (
        rows.writeStream.foreachBatch(_Look(table, path, last_recorded))
        .option("checkpointLocation", copy)
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    finally:
        if query.isActive:
            query.stop()
    found = spark.read.schema(f"{_FOUND}, batch BIGINT").parquet(path)
    total = found.agg(F.sum("rows")).collect()[0][0] or 0
    return Pending(int(total), found.where("text_hash IS NOT NULL").select("text_hash", "text", "batch"))
