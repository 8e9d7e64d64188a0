"""Embeds the texts that the cache lacks, within the budget, and appends their checked vectors to the cache."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding.base import Calls, checked
from delta_neo4j.embedding.cache import Vectors
from delta_neo4j.embedding.tokens import token_counter
from delta_neo4j.settings import budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.embedding.base import Embedded, Embedder
    from delta_neo4j.embedding.cache import Cached, EmbeddingCache
    from delta_neo4j.embedding.tokens import TokenCounter

log = logging.getLogger(__name__)
FLUSH_SECONDS = 20.0
TEXTS_PER_PARTITION = 20_000  # the driver holds one partition at a time


@dataclass(frozen=True)
class Filled:
    """The result for the texts of a micro-batch: faults by text hash, and the places of the other texts' vectors."""

    faults: dict[str, str]
    vectors: Vectors


@dataclass(frozen=True)
class _Found:
    """
    The distinct texts of a micro-batch in the cache: their hashes, and their number by part (None: without a vector).

    `long`: how many of those with a vector the model may truncate. `lacking`: the texts without one, a list if few.
    `known`: vectors in memory, by text hash; these texts are in no part.
    """

    hashes: DataFrame
    counts: dict[str | None, int]
    long: int
    lacking: DataFrame | list[str]
    version: int | None
    known: dict[str, Cached] = field(default_factory=dict)


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
        found = self._found(texts, most)
        missing = found.counts.get(None, 0)
        hits = sum(found.counts.values()) - missing + len(found.known)
        tally |= {"texts": hits + missing, "cache_hits": hits}
        log.info("texts.found", extra={"table": self.table, "texts": hits + missing, "cache_hits": hits})
        faults: dict[str, str] = {}
        flush = _Flush(self, texts.sparkSession, keeps_vectors=isinstance(found.lacking, list))
        if missing:
            lacking = self.hook("embed", found.lacking)
            faults = self._embed(_stream(lacking, missing), flush, tally, allowance)
        self.cache.remember(flush.vectors)
        known, held = {**found.known, **flush.vectors}, tuple(sorted(filter(None, found.counts)))
        places = Vectors(found.hashes, hits + missing, found.version, held, known=known)
        if flush.parts and not flush.vectors:  # too many for the driver's memory
            return Filled(faults, replace(places, added=tuple(flush.parts)))
        return Filled(faults, replace(places, long=found.long + self._long(flush.vectors)))

    def _found(self, texts: DataFrame, most: int | None) -> _Found:
        """Look the distinct texts up in the cache, at one version: appends of other runs cannot change the result."""
        distinct = texts.groupBy("text_hash").agg(F.first("text").alias("text"), F.min("place").alias("place"))
        if most is not None and most <= self.cache.few_texts:
            return self._few(distinct.select("text_hash", "text"))
        version = self.cache.version(texts.sparkSession)
        if version is not None and most is None:
            distinct = _frozen(distinct, f"{self.path}/distinct")
            most = distinct.count()
        looked_up = _frozen(self.cache.look_up(distinct, most or 0, version), f"{self.path}/found")
        found = self._counted(looked_up, version)
        if sum(found.counts.values()) > self.cache.few_texts:
            return found
        text = F.when(F.col("part").isNull(), F.col("text"))
        rows = looked_up.select("text_hash", text, "part", "tokens").collect()
        return self._of_few(texts.sparkSession, rows, version, {})

    def _counted(self, looked_up: DataFrame, version: int | None) -> _Found:
        # A row per part that holds vectors of these texts; the row with part null counts the texts without a vector.
        long = F.when(F.col("tokens").isNull() | (F.col("tokens") > self.embedder.max_tokens), 1)
        parts = looked_up.groupBy("part").agg(F.count("*").alias("texts"), F.count(long).alias("long")).collect()
        counts = {row["part"]: row["texts"] for row in parts}
        of_cache = sum(row["long"] for row in parts if row["part"] is not None)
        return _Found(looked_up, counts, of_cache, looked_up.where(F.col("part").isNull()), version)

    def _few(self, distinct: DataFrame) -> _Found:
        """
        Look up few distinct texts (`text_hash`, `text`): those in memory first, and only the others in the table.

        Only the texts without a vector come to the driver.
        """
        spark, memory = distinct.sparkSession, self.cache.memory
        version = None if memory else self.cache.version(spark)
        if version is None and not memory:
            return self._of_few(spark, [(*row, None, None) for row in distinct.collect()], None, {})
        hashes = [row["text_hash"] for row in distinct.select("text_hash").collect()]
        known = {each: memory[each] for each in hashes if each in memory}
        others = [each for each in hashes if each not in memory]
        if not others:
            return self._of_few(spark, [], None, known)
        version = self.cache.version(spark) if version is None else version
        found = self.cache.look_up(_hashes(spark, others), len(others), version).collect()
        lacking = [row["text_hash"] for row in found if row["part"] is None]
        wanted = distinct.join(F.broadcast(_hashes(spark, lacking)), "text_hash", "left_semi")
        texts = dict(map(tuple, wanted.collect())) if lacking else {}
        rows = [(row["text_hash"], texts.get(row["text_hash"]), row["part"], row["tokens"]) for row in found]
        return self._of_few(spark, rows, version, known)

    def _of_few(self, spark: SparkSession, rows: list[Any], version: int | None, known: dict[str, Cached]) -> _Found:
        """Return what was found of few texts, from rows of (text hash, text, part, tokens): no other job reads them."""
        hashes = _hashes(spark, [*known, *(row[0] for row in rows)])
        lacking = [text for _, text, part, _ in rows if part is None]
        long = sum(self._is_long(tokens) for _, _, part, tokens in rows if part is not None)
        counts = dict(Counter(part for _, _, part, _ in rows))
        return _Found(hashes, counts, long + self._long(known), lacking, version, known)

    def _long(self, vectors: Mapping[str, Cached]) -> int:
        """Return how many of the texts the model may truncate."""
        return sum(self._is_long(tokens) for _, tokens in vectors.values())

    def _is_long(self, tokens: int | None) -> bool:
        """Return whether the model may truncate a text of so many tokens; None: nobody knows how many."""
        return tokens is None or tokens > self.embedder.max_tokens

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


def _stream(lacking: DataFrame | list[str], missing: int) -> Iterator[str]:
    if isinstance(lacking, list):
        yield from sorted(lacking, key=lambda text: (len(text), text))
        return
    # Neighbours by place share a partition, so they lie in few parts of the cache. Within it texts are sorted by
    # length, because a request is padded to its longest text. The driver gets a partition at a time.
    partitions = -(-missing // TEXTS_PER_PARTITION)
    spread = lacking.coalesce(1) if partitions == 1 else lacking.repartitionByRange(partitions, "place", "text_hash")
    for row in spread.sortWithinPartitions(F.length("text"), "text").select("text").toLocalIterator():
        yield row["text"]


def _hashes(spark: SparkSession, hashes: list[str]) -> DataFrame:
    return spark.createDataFrame([(each,) for each in hashes], "text_hash STRING")


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class _Flush:
    """Buffers answers; appends them to the cache when there are `flush_texts`, or after `FLUSH_SECONDS`."""

    def __init__(self, work: TextEmbedding, spark: SparkSession, *, keeps_vectors: bool) -> None:
        self._work, self.spark, self._keeps_vectors = work, spark, keeps_vectors
        self.parts: list[str] = []
        self.vectors: dict[str, Cached] = {}  # by text hash, of the texts embedded, if kept
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
            if self._keeps_vectors:
                self.vectors |= {key.hex(): (vector, tokens) for key, vector, tokens in rows}
            self._embedded += len(rows)
            log.info("texts.embedded", extra={"table": self._work.table, "embedded": self._embedded})
        self._buffer = []
