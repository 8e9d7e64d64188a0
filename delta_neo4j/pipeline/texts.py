"""The texts of a micro-batch: those of its winning rows, or the chunks that they are cut into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding import chunks
from delta_neo4j.embedding.fill import Filled, TextEmbedding
from delta_neo4j.errors import PreflightError
from delta_neo4j.source import freeze
from delta_neo4j.source.values import text
from delta_neo4j.state.account import Account

if TYPE_CHECKING:
    from delta_neo4j.embedding.cache import Vectors
    from delta_neo4j.mapping.plan import Chunks, Table
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.settings.budget import Allowance


@dataclass(frozen=True)
class BatchTexts:
    """
    The texts of the winners of `table`, or the chunks of those texts.

    `winners` are frozen rows with `text_hash`. `chunks` has one row per chunk: `text_hash`, `count`, `index`, `chunk`,
    `chunk_hash`; None if texts are not cut.
    """

    table: Table
    winners: DataFrame
    chunks: DataFrame | None = None

    def distinct(self, rows: DataFrame) -> DataFrame:
        """Return each distinct text of rows once, as `text_hash` and `t`."""
        return texts_of(self.table, rows, "t").groupBy("text_hash").agg(F.first("t").alias("t"))

    def counted(self) -> DataFrame:
        """Return the winners, with the number of chunks of their text (`chunk_count`) if texts are cut."""
        if self.chunks is None:
            return self.winners
        counts = self.chunks.groupBy("text_hash").agg(F.max("count").alias("chunk_count"))
        return self.winners.join(counts, "text_hash", "left")

    def to_embed(self) -> DataFrame:
        """Return the texts or chunks to embed: `text_hash`, `text`, and the same `place` for the whole micro-batch."""
        if self.chunks is None:
            return texts_of(self.table, self.winners, "text").withColumn("place", F.lit(""))
        return self.chunks.select(
            F.col("chunk_hash").alias("text_hash"), F.col("chunk").alias("text"), F.lit("").alias("place")
        )

    def without_faulted(self, rows: DataFrame, faults: dict[str, str]) -> tuple[DataFrame, DataFrame]:
        """
        Split rows into those to write and those whose text, or a chunk of it, could not be embedded.

        `faults` has reasons by the hash of the text or chunk. The second frame has the reason as `embedding_fault`.
        """
        reasons = rows.sparkSession.createDataFrame(list(faults.items()), "text_hash STRING, embedding_fault STRING")
        if self.chunks is not None:
            reasons = self.chunks.join(F.broadcast(reasons.withColumnRenamed("text_hash", "chunk_hash")), "chunk_hash")
            reasons = reasons.groupBy("text_hash").agg(F.first("embedding_fault").alias("embedding_fault"))
        joined = rows.join(F.broadcast(reasons), "text_hash", "left")
        sound = joined.where(F.col("embedding_fault").isNull()).drop("embedding_fault")
        return sound, joined.where(F.col("embedding_fault").isNotNull())

    def by_slice(self, step: Step, filled: Filled | None, slices: int) -> DataFrame | None:
        """
        Read the vectors of all slices from the cache once, freeze them by slice, and return them; None if they are few.

        Without that, each of the `slices` would read every part of the cache that any slice needs.
        """
        if filled is None or slices == 1 or filled.vectors.count <= step.limits.few_texts:
            return None
        pairs = self.winners.where("text_hash IS NOT NULL").select("text_hash", freeze.SLICE).distinct()
        if self.chunks is not None:
            pairs = pairs.join(self.chunks, "text_hash").select(F.col("chunk_hash").alias("text_hash"), freeze.SLICE)
            pairs = pairs.distinct()
        sliced, path = pairs.join(step.cache.of(filled.vectors), "text_hash"), f"{step.staging_path}/vectors"
        freeze.overwrite(sliced, path, freeze.SLICE)
        return sliced.sparkSession.read.schema(sliced.schema).parquet(path)


def batch_texts(step: Step, winners: DataFrame, account: Account) -> BatchTexts:
    """Return the texts of the winners, cut into chunks if the mapping has chunks; adds its seconds to `account`."""
    table = step.table
    if table.chunks is None:
        return BatchTexts(table, winners)
    settings, tokenizer = required(table, step.tokenizer)
    with account.timed("look_up"):
        cut = chunks.cut(texts_of(table, winners, "text"), settings, tokenizer, f"{step.staging_path}/chunks")
        return BatchTexts(table, winners, step.hook("cut", cut))


def embed(step: Step, texts: BatchTexts, allowance: Allowance, account: Account) -> Filled | None:
    """
    Embed the texts that the cache lacks; return the places of all vectors, None if the table embeds no text.

    Adds its counts to `account`. Seconds of model calls count as `embed`, the rest as `look_up`: only calls have a
    price.
    """
    if step.embedder is None or step.table.embedding is None:
        return None
    dimension, path = step.table.embedding.index.dimension, f"{step.staging_path}/texts"
    work = TextEmbedding(step.table.name, step.cache, step.embedder, dimension, path, step.hook)
    spent = Account()
    try:
        most = None if step.table.chunks else account.rows_read
        with spent.timed("look_up"):
            return work.fill(texts.to_embed(), allowance, spent.embedding, most)
    finally:
        spent.seconds["embed"] = work.calling.seconds
        spent.seconds["look_up"] -= work.calling.seconds
        account.add(spent)


def of_slice(filled: Filled | None, by_slice: DataFrame | None, number: int) -> Vectors | None:
    """Return the vectors of slice `number`: those in `by_slice` (`BatchTexts.by_slice`), else all, from the cache."""
    if filled is None or by_slice is None:
        return filled.vectors if filled else None
    return replace(filled.vectors, frozen=by_slice.where(by_slice[freeze.SLICE] == number).drop(freeze.SLICE))


def texts_of(table: Table, rows: DataFrame, name: str) -> DataFrame:
    """Return `text_hash` and, as column `name`, the text of the rows that have a text."""
    return rows.where("text_hash IS NOT NULL").select("text_hash", text(table).alias(name))


def required(table: Table, tokenizer: str | None) -> tuple[Chunks, str]:
    """Return a table's chunk settings and the tokenizer (JSON); raise `PreflightError` if one of them is missing."""
    if table.chunks is None or tokenizer is None:
        raise PreflightError(f"the texts of table {table.name} are cut by tokens, but the run has no tokenizer")
    return table.chunks, tokenizer
