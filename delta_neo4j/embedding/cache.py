"""
The Delta embedding cache: each distinct text is paid for once a model, across batches, runs and checkpoints.

It is the materialisation too: what the writer reads comes from here, so nothing downstream can call the model
again. Appends are blind and twins are possible (two runs at once); reading takes one a key.

Every flush is a *part*, a partition of its own. A look-up reads the key column (32 bytes a text of the model) and
then only the parts in which the micro-batch's texts lie: texts that were embedded together are wanted together.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.state import State

TABLE = "embeddings"
FEW_TEXTS = 5_000  # 8 MB of vectors: what every task may be sent
_BROADCAST_TEXTS = 1_000_000  # 40 MB of hashes: what every task may be sent


@dataclass(frozen=True)
class Vectors:
    """
    Where the vectors of some texts lie: parts held at a version of the cache, and parts added since.

    `wanted` has the `text_hash` (hex) of each text, `count` of them. The version is kept because a compaction may
    move rows between parts at any time.
    """

    wanted: DataFrame
    count: int
    version: int | None
    held: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    frozen: DataFrame | None = None  # the vectors themselves, where they were taken out of the cache already
    long: int | None = None  # how many texts the model may cut; None: not known


@dataclass(frozen=True)
class EmbeddingCache:
    """The vectors of one model in the state's `embeddings` table: little-endian float32 as BINARY."""

    state: State
    model_id: str

    def look_up(self, texts: DataFrame, count: int, version: int | None) -> DataFrame:
        """
        Add `part` (null where the cache has no vector) and `tokens` to at most `count` distinct texts.

        Reads the cache's keys only, not its vectors.
        """
        if version is None:
            return texts.withColumns({"part": F.lit(None).cast("string"), "tokens": F.lit(None).cast("int")})
        keys = self._rows(texts.sparkSession, version).select(_hex("text_hash"), "part", "tokens")
        one = (F.min("part").alias("part"), F.max("tokens").alias("tokens"))
        parts = _among(keys, texts, count).groupBy("text_hash").agg(*one)
        return texts.join(parts, "text_hash", "left")

    def attach(self, rows: DataFrame, vectors: Vectors) -> DataFrame:
        """Add `vector` (null where the cache has none) and `tokens` to rows with a `text_hash`."""
        held = self.of(vectors)
        return rows.join(F.broadcast(held) if vectors.count <= FEW_TEXTS else held, "text_hash", "left")

    def of(self, vectors: Vectors) -> DataFrame:
        """Give `text_hash`, `vector` and `tokens` of the texts that the cache holds, each once."""
        if vectors.frozen is not None:
            return vectors.frozen
        columns = [_hex("text_hash"), "embedding", "tokens"]
        spark = vectors.wanted.sparkSession
        old = self._rows(spark, vectors.version).where(F.col("part").isin(*vectors.held))
        new = self._rows(spark).where(F.col("part").isin(*vectors.added))
        found = [part.select(*columns) for part, names in ((old, vectors.held), (new, vectors.added)) if names]
        if not found:
            return spark.createDataFrame([], "text_hash STRING, vector BINARY, tokens INT")
        held = found[0] if len(found) == 1 else found[0].unionByName(found[1])
        return (
            _among(held, vectors.wanted, vectors.count)
            .groupBy("text_hash")
            .agg(F.first("embedding").alias("vector"), F.first("tokens").alias("tokens"))
        )

    def version(self, spark: SparkSession) -> int | None:
        """Give the cache's newest version, None while there is no cache."""
        return self.state.version(spark, TABLE)

    def append(self, spark: SparkSession, rows: list[tuple[bytes, bytes, int | None]]) -> str:
        """Keep (text hash, vector, tokens) for good and give the part they make."""
        part = new_part()
        self.state.append_rows(spark, TABLE, [(self.model_id, part, *row) for row in rows])
        return part

    def _rows(self, spark: SparkSession, version: int | None = None) -> DataFrame:
        return self.state.read(spark, TABLE, version).where(F.col("model_id") == self.model_id)


def new_part() -> str:
    """Name a part; names sort by the time they are made (milliseconds)."""
    return f"{int(time.time() * 1000):013d}-{uuid.uuid4().hex[:8]}"


def _hex(column: str) -> F.Column:  # type: ignore[name-defined]
    # `hex` writes capitals; `lower` would load the tables of every language's letters, a second of a cold JVM.
    return F.translate(F.hex(column), "ABCDEF", "abcdef").alias(column)


def _among(rows: DataFrame, texts: DataFrame, count: int) -> DataFrame:
    wanted = texts.select("text_hash")
    return rows.join(F.broadcast(wanted) if count <= _BROADCAST_TEXTS else wanted, "text_hash", "left_semi")
