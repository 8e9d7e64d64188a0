"""The texts of a micro-batch that the cache does not hold: found, embedded, checked, flushed."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding.base import Calls, checked
from delta_neo4j.embedding.tokens import token_counter
from delta_neo4j.validation import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from delta_neo4j.embedding.base import Embedded
    from delta_neo4j.pipeline import LoadStep

log = logging.getLogger(__name__)

# What a killed run pays for twice, at most.
FLUSH_TEXTS, FLUSH_SECONDS = 2_048, 20.0
TEXTS_PER_PARTITION = 20_000  # what the driver holds at a time while it streams


def embed_missing(step: LoadStep, winners: DataFrame) -> tuple[dict[str, int], dict[str, str]]:
    """
    Embed each distinct text of `winners` that the cache lacks, keeping vectors every `FLUSH_TEXTS`.

    Gives the terms of the embedding equation, and the reason by text hash for texts that have no vector.
    """
    texts = winners.where("text_hash IS NOT NULL").select("text_hash", text(step.table).alias("text"))
    distinct = step.cache.known(texts.dropDuplicates(["text_hash"]))
    counts = {row["known"]: row["count"] for row in distinct.groupBy("known").count().collect()}
    hits, missing = counts.get(True, 0), counts.get(False, 0)
    tally = {
        "texts": hits + missing,
        "cache_hits": hits,
        "texts_embedded": 0,
        "texts_faulted": 0,
        "calls": 0,
        "retries": 0,
    }
    log.info("texts.found", extra={"table": step.table.name, "texts": hits + missing, "cache_hits": hits})
    if not missing:
        return tally, {}
    lacking = step.hook("embed", distinct.where(~F.col("known")).select("text"))
    return tally, _embed(step, lacking, missing, tally)


def _embed(step: LoadStep, lacking: DataFrame, missing: int, tally: dict[str, int]) -> dict[str, str]:
    calls, faults = Calls(), {}
    answers = step.embedder.embed(lacking.sparkSession, _stream(lacking, missing), calls)  # type: ignore[union-attr]
    flush = _Flush(step, lacking)
    dimension = step.table.embedding.index.dimension  # type: ignore[union-attr]
    for answer in checked(answers, dimension):
        if answer.fault is not None:
            faults[_hash(answer.text)] = answer.fault
            tally["texts_faulted"] += 1
            continue
        flush.add(answer)
        tally["texts_embedded"] += 1
    flush.now()
    tally["calls"], tally["retries"] = calls.calls, calls.retries
    return faults


def _stream(lacking: DataFrame, missing: int) -> Iterator[str]:
    # Sorted by length: a request is padded to its longest text. A partition at a time reaches the driver.
    partitions = max(1, -(-missing // TEXTS_PER_PARTITION))
    ordered = lacking.repartition(partitions, "text").sortWithinPartitions(F.length("text"), "text")
    for row in ordered.toLocalIterator():
        yield row["text"]


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class _Flush:
    """Holds answers until there are enough, or enough time has passed, to append them."""

    def __init__(self, step: LoadStep, lacking: DataFrame) -> None:
        self._step, self._spark = step, lacking.sparkSession
        self._held: list[tuple[str, bytes, int | None]] = []
        self._since = time.monotonic()
        self._counter = token_counter()
        self._embedded = 0

    def add(self, answer: Embedded) -> None:
        tokens = self._counter.count(answer.text) if self._counter else None
        self._held.append((_hash(answer.text), answer.vector.astype("<f4").tobytes(), tokens))  # type: ignore[union-attr]
        if len(self._held) >= FLUSH_TEXTS or time.monotonic() - self._since >= FLUSH_SECONDS:
            self.now()

    def now(self) -> None:
        if self._held:
            held = self._step.hook("flush", self._held)
            self._step.cache.append(self._spark, held)
            self._embedded += len(held)
            log.info("texts.embedded", extra={"table": self._step.table.name, "embedded": self._embedded})
        self._held, self._since = [], time.monotonic()
