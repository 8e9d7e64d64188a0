"""The vectors of a slice's texts: whether they travel with a pass, and which texts the model truncates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from delta_neo4j.embedding.cache import Cached, EmbeddingCache, Vectors
    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.settings.limits import Limits
    from delta_neo4j.source.row_columns import RowColumns


def travels_with_pass(texts: int, dimension: int, limits: Limits) -> bool:
    """Return whether the vectors of so many `texts`, of `dimension` floats, are small enough to be sent in the pass."""
    return texts * (4 * dimension + 80) <= limits.sent_bytes


@dataclass(frozen=True)
class TextVectors:
    """The places of the vectors of a slice's texts in the cache; `max_tokens`: the model truncates a longer text."""

    cache: EmbeddingCache
    vectors: Vectors
    max_tokens: int


def with_truncated(rows: DataFrame, text_vectors: TextVectors | None, table: Table) -> tuple[DataFrame, Column]:
    """Join the few texts that the model may truncate; return rows, and 1 if a row's text is truncated."""
    if text_vectors is None or text_vectors.vectors.long == 0 or table.chunks:
        return rows, F.lit(0)
    is_long = F.col("tokens") > text_vectors.max_tokens
    long_texts = text_vectors.cache.of(text_vectors.vectors).where(F.col("tokens").isNull() | is_long)
    long_texts = long_texts.select("text_hash", "tokens", F.lit(1).alias("beyond"))
    truncated = F.when(F.col("beyond").isNull(), 0).otherwise(is_long.cast("int"))
    return rows.join(F.broadcast(long_texts), "text_hash", "left"), truncated


def with_vectors(
    rows: DataFrame, columns: RowColumns, text_vectors: TextVectors | None, limits: Limits
) -> tuple[DataFrame, list[Column], Column, dict[str, Cached] | None]:
    """
    Return rows, their vector columns, whether a row's text is truncated, and vectors by text hash.

    A vector is as large as ten rows: the pass sends few distinct ones to its tasks once, and rows have only their
    `text_hash`. Otherwise every row has its vector as a column, and the last value is None.
    """
    vector = columns.table.vector_on_row
    if vector and vector.vector:
        given = columns.raw(vector.vector)
        return rows, [given.alias("vector"), given.isNotNull().alias("has_vector")], F.lit(0), None
    if vector is None or text_vectors is None:
        rows, truncated = with_truncated(rows, text_vectors, columns.table)
        return rows, [], truncated, None
    cache, vectors = text_vectors.cache, text_vectors.vectors
    if travels_with_pass(vectors.count, vector.index.dimension, limits):
        return rows, [F.col("text_hash")], F.lit(0), cache.collected(vectors)
    rows = cache.attach(rows, vectors)
    is_long = (F.col("tokens") > text_vectors.max_tokens).cast("int")
    truncated = F.when(F.col("text_hash").isNull(), 0).otherwise(is_long)
    return rows, [F.col("vector"), F.col("text_hash").isNotNull().alias("has_vector")], truncated, None
