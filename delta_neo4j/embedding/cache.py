"""
The embedding cache, a Delta table: each distinct text is embedded once per model, whatever micro-batch or run has it.

The graph writer takes its vectors from the cache, so no later Spark action can call the model again. Two runs at the
same time may append the same text twice; a read takes one row per text. A run keeps the vectors of few texts in the
driver's memory: a later micro-batch with the same texts does not read the table.

Each flush is a *part*, a partition of its own. A look-up reads the hashes of all texts of the model (32 bytes each).
The vectors are then read only from the parts that hold texts of the micro-batch.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.settings.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.state.tables import State

TABLE = "embeddings"
_BROADCAST_TEXTS = 1_000_000  # 40 MB of hashes: the most that is sent to every task
Cached = tuple[bytes, int | None]  # a vector, and the tokens of its text (None: unknown)


@dataclass(frozen=True)
class Vectors:
    """
    The places of some texts' vectors: `known` in the driver's memory, parts `held` at a `version`, parts `added` since.

    `wanted` has the `text_hash` (hex) of each of the `count` texts. The version is kept because a compaction may
    move rows between parts at any time. `known` has vector and tokens by text hash.
    """

    wanted: DataFrame
    count: int
    version: int | None
    held: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    known: Mapping[str, Cached] = field(default_factory=dict)
    frozen: DataFrame | None = None  # the vectors, if they were read from the cache already
    long: int | None = None  # number of texts that the model may cut; None: unknown


@dataclass(frozen=True)
class EmbeddingCache:
    """
    The vectors of one model in the state's `embeddings` table: little-endian float32 as BINARY.

    `memory`: those of at most `few_texts` texts that this run has embedded or read, by text hash.
    """

    state: State
    model_id: str
    few_texts: int = LIMITS.few_texts
    memory: dict[str, Cached] = field(default_factory=dict, compare=False, repr=False)

    def look_up(self, texts: DataFrame, count: int, version: int | None) -> DataFrame:
        """
        Add `part` (null if the cache has no vector) and `tokens` to at most `count` distinct texts.

        Reads the keys of the cache at `version`, not its vectors.
        """
        if version is None:
            return texts.withColumns({"part": F.lit(None).cast("string"), "tokens": F.lit(None).cast("int")})
        keys = self._rows(texts.sparkSession, version).select(_hex("text_hash"), "part", "tokens")
        first = (F.min("part").alias("part"), F.max("tokens").alias("tokens"))
        parts = _among(keys, texts, count).groupBy("text_hash").agg(*first)
        return texts.join(parts, "text_hash", "left")

    def attach(self, rows: DataFrame, vectors: Vectors) -> DataFrame:
        """Add `vector` (null if the cache has none) and `tokens` to rows with a `text_hash`."""
        cached = self.of(vectors)
        return rows.join(F.broadcast(cached) if vectors.count <= self.few_texts else cached, "text_hash", "left")

    def of(self, vectors: Vectors) -> DataFrame:
        """Return `text_hash`, `vector` and `tokens` of the texts that the cache holds, each once."""
        if vectors.frozen is not None:
            return vectors.frozen
        columns = [_hex("text_hash"), F.col("embedding").alias("vector"), "tokens"]
        spark = vectors.wanted.sparkSession
        old = self._rows(spark, vectors.version).where(F.col("part").isin(*vectors.held))
        new = self._rows(spark).where(F.col("part").isin(*vectors.added))
        parts = [rows.select(*columns) for rows, names in ((old, vectors.held), (new, vectors.added)) if names]
        if vectors.known or not parts:
            known = [(text, *cached) for text, cached in vectors.known.items()]
            parts.append(spark.createDataFrame(known, "text_hash STRING, vector BINARY, tokens INT"))
        return (
            _among(reduce(lambda some, more: some.unionByName(more), parts), vectors.wanted, vectors.count)
            .groupBy("text_hash")
            .agg(F.first("vector").alias("vector"), F.first("tokens").alias("tokens"))
        )

    def collected(self, vectors: Vectors) -> dict[str, Cached]:
        """Return vector and tokens by text hash of a few texts; only what is not in memory is read, and kept there."""
        if not vectors.held and not vectors.added:
            return dict(vectors.known)
        rows = self.of(replace(vectors, known={})).collect()
        found = {row["text_hash"]: (bytes(row["vector"]), row["tokens"]) for row in rows}
        self.remember(found)
        return {**found, **vectors.known}

    def remember(self, found: Mapping[str, Cached]) -> None:
        """Keep vectors in memory, unless they would become more than `few_texts`."""
        if len(self.memory) + len(found) <= self.few_texts:
            self.memory.update(found)

    def version(self, spark: SparkSession) -> int | None:
        """Return the cache's newest version, None if there is no cache yet."""
        return self.state.version(spark, TABLE)

    def append(self, spark: SparkSession, rows: list[tuple[bytes, bytes, int | None]]) -> str:
        """Append rows of (text hash, vector, tokens) and return the name of their part."""
        part = new_part()
        self.state.append_rows(spark, TABLE, [(self.model_id, part, *row) for row in rows])
        return part

    def _rows(self, spark: SparkSession, version: int | None = None) -> DataFrame:
        return self.state.read(spark, TABLE, version).where(F.col("model_id") == self.model_id)


def new_part() -> str:
    """Return the name of a new part; names sort by their time of creation (milliseconds)."""
    return f"{int(time.time() * 1000):013d}-{uuid.uuid4().hex[:8]}"


def _hex(column: str) -> F.Column:  # type: ignore[name-defined]
    # `hex` writes capitals. `lower` would load the case tables of all languages: a second in a cold JVM.
    return F.translate(F.hex(column), "ABCDEF", "abcdef").alias(column)


def _among(rows: DataFrame, texts: DataFrame, count: int) -> DataFrame:
    wanted = texts.select("text_hash")
    return rows.join(F.broadcast(wanted) if count <= _BROADCAST_TEXTS else wanted, "text_hash", "left_semi")
