"""Embeds the texts that the cache lacks, within the budget, and appends their checked vectors to the cache."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding.base import Calls, checked
from delta_neo4j.embedding.cache import Vectors
from delta_neo4j.embedding.tokens import token_counter
from delta_neo4j.settings import budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.embedding.base import Embedded, Embedder
    from delta_neo4j.embedding.cache import EmbeddingCache
    from delta_neo4j.embedding.tokens import TokenCounter

log = logging.getLogger(__name__)
FLUSH_SECONDS = 20.0
TEXTS_PER_PARTITION = 20_000  # the driver holds one partition at a time


@dataclass(frozen=True)
class Filled:
    """The result for the texts of a micro-batch: faults by text hash, and the places of the other texts' vectors."""

    faults: dict[str, str]
    vectors: Vectors


@dataclass
class Calling:
    """Time spent waiting for the model, in seconds."""

    seconds: float = 0.0


@dataclass(frozen=True)
class TextEmbedding:
    """Fills the cache with the vectors of one table's texts; `path` is a folder that it may overwrite."""

    table: str
    cache: EmbeddingCache
    embedder: Embedder
    dimension: int
    path: str
    hook: Callable[[str, Any], Any]
    calling: Calling = field(default_factory=Calling)

    def fill(
        self, texts: DataFrame, allowance: budget.Allowance, tally: dict[str, int], most: int | None = None
    ) -> Filled:
        """
        Embed each distinct text that the cache lacks, and append the vectors every `embedder.flush_texts`.

        `texts` has `text_hash`, `text` and `place`; texts that will be read together have neighbouring places. At most
        `most` texts are distinct (None: unknown). The counts of the account go into `tally` as they are known. Raises
        BudgetReachedError after the last flush if the budget ended first.
        """
        spark = texts.sparkSession
        looked_up, version = self._looked_up(texts, most)
        # A row per part that holds vectors of these texts; the row with part null counts the texts without a vector.
        long = F.when(F.col("tokens").isNull() | (F.col("tokens") > self.embedder.max_tokens), 1)
        parts = looked_up.groupBy("part").agg(F.count("*").alias("texts"), F.count(long).alias("long")).collect()
        counts = {row["part"]: row["texts"] for row in parts}
        missing = counts.pop(None, 0)
        hits = sum(counts.values())
        tally |= {"texts": hits + missing, "cache_hits": hits}
        log.info("texts.found", extra={"table": self.table, "texts": hits + missing, "cache_hits": hits})
        faults: dict[str, str] = {}
        added: list[str] = []
        if missing:
            lacking = self.hook("embed", looked_up.where(F.col("part").isNull()))
            flush = _Flush(self, spark, added)
            faults = self._embed(_stream(lacking, missing), flush, tally, allowance)
        long_texts = None if added else sum(row["long"] for row in parts if row["part"] is not None)
        return Filled(
            faults, Vectors(looked_up, hits + missing, version, tuple(sorted(counts)), tuple(added), long=long_texts)
        )

    def _looked_up(self, texts: DataFrame, most: int | None) -> tuple[DataFrame, int | None]:
        """Freeze the distinct texts with their parts, so that appends of other runs cannot change the result."""
        version = self.cache.version(texts.sparkSession)
        distinct = texts.groupBy("text_hash").agg(F.first("text").alias("text"), F.min("place").alias("place"))
        if version is not None and most is None:
            distinct = _frozen(distinct, f"{self.path}/distinct")
            most = distinct.count()
        return _frozen(self.cache.look_up(distinct, most or 0, version), f"{self.path}/found"), version

    def _embed(
        self, texts: Iterator[str], flush: _Flush, tally: dict[str, int], allowance: budget.Allowance
    ) -> dict[str, str]:
        calls, faults = Calls(), {}
        answers = self.embedder.embed(flush.spark, allowance.limit(texts), calls)
        began = time.monotonic()
        try:
            for answer in checked(answers, self.dimension):
                if answer.fault is not None:
                    faults[_hash(answer.text)] = answer.fault
                    tally["texts_faulted"] += 1
                    continue
                flush.add(answer)
                tally["texts_embedded"] += 1
        finally:
            tally["calls"], tally["retries"] = calls.calls, calls.retries
            self.calling.seconds += time.monotonic() - began
            flush.now()  # also if an error ends the run: the answers are paid for
        limit = allowance.reached()
        answered = sum(tally[term] for term in ("cache_hits", "texts_embedded", "texts_faulted"))
        if limit is not None and answered < tally["texts"]:
            # The account counts the texts that were answered; the next run embeds the others.
            raise budget.stop(limit, {**tally, "texts": answered})
        return faults


def _frozen(frame: DataFrame, path: str) -> DataFrame:
    frame.write.mode("overwrite").parquet(path)
    return frame.sparkSession.read.schema(frame.schema).parquet(path)


def _stream(lacking: DataFrame, missing: int) -> Iterator[str]:
    # Neighbours by place share a partition, so they lie in few parts of the cache. Within it texts are sorted by
    # length, because a request is padded to its longest text. The driver gets a partition at a time.
    partitions = -(-missing // TEXTS_PER_PARTITION)
    spread = lacking.coalesce(1) if partitions == 1 else lacking.repartitionByRange(partitions, "place", "text_hash")
    for row in spread.sortWithinPartitions(F.length("text"), "text").select("text").toLocalIterator():
        yield row["text"]


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class _Flush:
    """Buffers answers; appends them to the cache when there are `flush_texts`, or after `FLUSH_SECONDS`."""

    def __init__(self, work: TextEmbedding, spark: SparkSession, parts: list[str]) -> None:
        self._work, self.spark, self.parts = work, spark, parts
        self._buffer: list[tuple[bytes, bytes, int | None]] = []
        self._since = 0.0
        self._counter: TokenCounter | None = token_counter(work.dimension)
        self._embedded = 0

    def add(self, answer: Embedded) -> None:
        if not self._buffer:
            self._since = time.monotonic()
        tokens = self._counter.count(answer.text) if self._counter else None
        key = hashlib.sha256(answer.text.encode()).digest()
        self._buffer.append((key, answer.vector.astype("<f4").tobytes(), tokens))  # type: ignore[union-attr]
        late = time.monotonic() - self._since >= FLUSH_SECONDS
        if late or len(self._buffer) >= self._work.embedder.flush_texts:
            self.now()

    def now(self) -> None:
        if self._buffer:
            rows = self._work.hook("flush", self._buffer)
            self.parts.append(self._work.cache.append(self.spark, rows))
            self._embedded += len(rows)
            log.info("texts.embedded", extra={"table": self._work.table, "embedded": self._embedded})
        self._buffer = []
