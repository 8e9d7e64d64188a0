"""
The Delta embedding cache: each distinct text is paid for once a model, across batches, runs and checkpoints.

It is the materialisation too: what the writer reads comes from here, so nothing downstream can call the model
again. Appends are blind and twins are possible (two runs at once); reading takes one a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.state import State


@dataclass(frozen=True)
class EmbeddingCache:
    """The vectors of one model in the state's `embeddings` table: little-endian float32 as BINARY."""

    state: State
    model_id: str

    def known(self, texts: DataFrame) -> DataFrame:
        """Add `known` (boolean) to distinct texts; reads the cache's keys only."""
        keys = self._rows(texts.sparkSession).select("text_hash").distinct().withColumn("known", F.lit(True))
        return texts.join(keys, "text_hash", "left").fillna(False, "known")

    def attach(self, rows: DataFrame, *, few: bool) -> DataFrame:
        """
        Add `vector` (null where the cache has none) and `tokens` to rows with a `text_hash`.

        With `few` distinct texts the vectors go to the rows, which stay where they are partitioned; with many
        both are shuffled by text.
        """
        wanted = rows.select("text_hash").where("text_hash IS NOT NULL").distinct()
        vectors = self._rows(rows.sparkSession).join(wanted, "text_hash", "left_semi")
        one_each = vectors.groupBy("text_hash").agg(
            F.first("embedding").alias("vector"), F.first("tokens").alias("tokens")
        )
        return rows.join(F.broadcast(one_each) if few else one_each, "text_hash", "left")

    def append(self, spark: SparkSession, rows: list[tuple[str, bytes, int | None]]) -> None:
        """Keep (text hash, vector, tokens) for good."""
        self.state.append_rows(spark, "embeddings", [(self.model_id, *row) for row in rows])

    def _rows(self, spark: SparkSession) -> DataFrame:
        return self.state.read(spark, "embeddings").where(F.col("model_id") == self.model_id)
