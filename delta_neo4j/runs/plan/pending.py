"""Count the rows and texts that a load would read next, with the load's stream on a copy of its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import travelling
from delta_neo4j.runs.stream import run_to_end
from delta_neo4j.source import ranking
from delta_neo4j.source.rules import validated
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.values import text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.mapping.plan import Table

_COUNTED = "text_hash STRING, text STRING, rows BIGINT"


@dataclass(frozen=True)
class Pending:
    """The number of rows not loaded yet, and the distinct texts of each micro-batch (`text_hash`, `text`, `batch`)."""

    rows: int
    texts: DataFrame


@dataclass(frozen=True)
class _CountTexts:
    """A `foreachBatch` function that only counts: it writes the number of rows of each text to Parquet below `path`."""

    table: Table
    path: str
    last_recorded: int

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        if batch_id <= self.last_recorded:
            return
        with travelling():
            ranked = ranking.ranked(self.table, validated(self.table, batch), "", 2)
            texts = ranked.select(text(self.table).alias("text"), "text_hash", ranking.STATE)
            texts = texts.withColumn("text_hash", F.when(F.col(ranking.STATE) == ranking.WINNER, F.col("text_hash")))
            # One query counts all rows: rows that need no vector have a null as their text hash.
            counted = texts.groupBy("text_hash").agg(F.first("text").alias("text"), F.count("*").alias("rows"))
            counted.write.mode("overwrite").parquet(f"{self.path}/batch={batch_id}")


def find(rows: DataFrame, table: Table, *, copy: str, last_recorded: int) -> Pending:
    """
    Run the table's stream `rows` up to the newest version, on the checkpoint `copy`, and return the counts.

    The stream changes `copy`. If `rows` is no stream, all its rows are one micro-batch. Micro-batches up to the id
    `last_recorded` are in the ledger and not counted.
    """
    spark, path = rows.sparkSession, f"{copy}/pending"
    empty = spark.createDataFrame([], _COUNTED)  # a file for the read below, if the stream has no micro-batch
    empty.write.mode("overwrite").parquet(f"{path}/batch=-1")
    counting = _CountTexts(table, path, last_recorded)
    with deciding_values(spark, table.timezone):
        if rows.isStreaming:
            run_to_end(rows, counting, copy, f"delta-neo4j plan {table.name}")
        else:
            counting(rows, 0)
    counted = spark.read.schema(f"{_COUNTED}, batch BIGINT").parquet(path)
    total = counted.agg(F.sum("rows")).collect()[0][0] or 0
    return Pending(int(total), counted.where("text_hash IS NOT NULL").select("text_hash", "text", "batch"))
