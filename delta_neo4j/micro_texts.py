"""The texts of a micro-batch: those of its rows, or the pieces that they are cut into."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import pieces, staging
from delta_neo4j.errors import PreflightError
from delta_neo4j.validation import text

if TYPE_CHECKING:
    from delta_neo4j.embedding.texts import Filled
    from delta_neo4j.pipeline import LoadStep


class MicroTexts:
    """What is embedded of the winners of a micro-batch, and how rows find their vectors again."""

    def __init__(self, step: LoadStep, winners: DataFrame) -> None:
        self.step, self.winners = step, winners
        self._cut: DataFrame | None = None  # the pieces of all texts, once they are asked for
        self._frozen: DataFrame | None = None  # vectors by slice, once they are taken out of the cache

    def pieces(self) -> DataFrame:
        """Give `text_hash`, `count`, `index`, `piece` and `piece_hash`: a row a piece of a text."""
        # No `cached_property`: its lock, before Python 3.12, keeps the class from travelling by value.
        if self._cut is None:
            self._cut = self._cut_texts()
        return self._cut

    def _cut_texts(self) -> DataFrame:
        step = self.step
        if step.table.chunks is None or step.tokenizer is None:
            raise PreflightError(f"table {step.table.name} is cut by tokens, but no tokenizer was found")
        path = f"{step.staging_path}/pieces"
        cut: DataFrame = step.hook("pieces", pieces.cut(self._told("text"), step.table.chunks, step.tokenizer, path))
        return cut

    def counted(self) -> DataFrame:
        """Give the winners, where texts are cut with `piece_count`."""
        if self.step.table.chunks is None:
            return self.winners
        counts = self.pieces().groupBy("text_hash").agg(F.max("count").alias("piece_count"))
        return self.winners.join(counts, "text_hash", "left")

    def to_embed(self) -> DataFrame:
        """Give `text_hash`, `text` and `place` of what is embedded."""
        # A micro-batch is one place: its own texts are what it will want again.
        if self.step.table.chunks is None:
            return self._told("text").withColumn("place", F.lit(""))
        return self.pieces().select(
            F.col("piece_hash").alias("text_hash"), F.col("piece").alias("text"), F.lit("").alias("place")
        )

    def without_faulted(self, rows: DataFrame, faults: dict[str, str]) -> tuple[DataFrame, DataFrame]:
        """Part rows into those to write and those of whose text something has no vector (with `embedding_fault`)."""
        found = rows.sparkSession.createDataFrame(list(faults.items()), "text_hash STRING, embedding_fault STRING")
        if self.step.table.chunks is not None:
            found = self.pieces().join(F.broadcast(found.withColumnRenamed("text_hash", "piece_hash")), "piece_hash")
            found = found.groupBy("text_hash").agg(F.first("embedding_fault").alias("embedding_fault"))
        joined = rows.join(F.broadcast(found), "text_hash", "left")
        sound = joined.where(F.col("embedding_fault").isNull()).drop("embedding_fault")
        return sound, joined.where(F.col("embedding_fault").isNotNull())

    def of_slice(self, filled: Filled, number: int) -> Filled:
        """
        Give the vectors of one slice, taken out of the cache once for all slices.

        Without it each slice would read every part that any of them needs.
        """
        if self._frozen is None:
            pairs = self.winners.where("text_hash IS NOT NULL").select("text_hash", staging.SLICE).distinct()
            if self.step.table.chunks is not None:
                pairs = pairs.join(self.pieces(), "text_hash").select(
                    F.col("piece_hash").alias("text_hash"), staging.SLICE
                )
                pairs = pairs.distinct()
            found = pairs.join(self.step.cache.of(filled.vectors), "text_hash")
            path = f"{self.step.staging_path}/vectors"
            staging.overwrite(found, path, staging.SLICE)
            self._frozen = found.sparkSession.read.schema(found.schema).parquet(path)
        mine = self._frozen.where(self._frozen[staging.SLICE] == number).drop(staging.SLICE)
        return replace(filled, vectors=replace(filled.vectors, frozen=mine))

    def _told(self, name: str) -> DataFrame:
        texts = self.winners.where("text_hash IS NOT NULL")
        return texts.select("text_hash", text(self.step.table).alias(name))
