"""
`plan`: what a load would read, embed, take and cost, before any of it is paid.

It reads through a copy of the checkpoint and asks the model once. Every figure that is not counted names the
assumption it rests on.
"""

from __future__ import annotations

import itertools
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j import checkpoint, models, pending, pieces, preflight, source
from delta_neo4j.embedding import choose
from delta_neo4j.embedding.base import PROBES, Calls, checked
from delta_neo4j.embedding.cache import EmbeddingCache
from delta_neo4j.embedding.tokens import token_counter, tokenizer_text
from delta_neo4j.errors import NotOfferedError
from delta_neo4j.history import History
from delta_neo4j.ledger import Ledger
from delta_neo4j.mapping import read_mapping
from delta_neo4j.model.weights import MAX_TOKENS
from delta_neo4j.shipping import travel_by_value
from delta_neo4j.state import State

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.plan import Graph, Table
    from delta_neo4j.settings import StreamSettings

SAMPLE_TEXTS = 125  # with the probes one request of the usual size
BYTES_A_NODE = 6_100  # on disk, with vector, index entry, twenty properties and two relationships (measured)


@dataclass
class Forecast:
    """The figures of a plan; `minutes` and `cost` are (low, high), None is unknown."""

    rows_pending: int = 0
    texts: int = 0
    cache_hits: int = 0
    texts_to_embed: int = 0
    tokens: int | None = 0
    truncated: int | None = 0
    longest_text: str | None = None
    calls: int = 0
    minutes: tuple[float, float] = (0.0, 0.0)
    cost: tuple[float, float] | None = None
    graph_bytes: int = 0
    assumptions: dict[str, str] = field(default_factory=dict)


def forecast(spark: SparkSession, settings: StreamSettings, *, fresh: bool = False) -> Forecast:
    """
    Look at what is pending and say what loading it will take. Writes to nothing that a load reads.

    With `fresh` it is what a load with a new checkpoint would find.
    """
    travel_by_value()
    graph, state = read_mapping(settings.mapping, settings.sources), State(settings.state)
    choose.has_text(graph, settings.embedding)
    found = Forecast()
    with ExitStack() as copies:
        look = _Look(spark, settings, state, graph, found, fresh)
        texts = look.pending_texts(copies)
        found.texts = texts.count()
        rate = look.at_texts(texts) if found.texts else None
    _estimate(History(state, spark), settings, rate, found)
    return found


@dataclass(frozen=True)
class _Look:
    """What is looked at, and where the figures go."""

    spark: SparkSession
    settings: StreamSettings
    state: State
    graph: Graph
    found: Forecast
    fresh: bool

    def pending_texts(self, copies: ExitStack) -> DataFrame:
        """Count the rows that wait and give the distinct texts of each table's micro-batches."""
        waiting = [self._pending(table, copies) for table in self.graph.tables]
        self.found.rows_pending = sum(each.rows for each in waiting)
        texts = [each.texts.withColumn("source", F.lit(number)) for number, each in enumerate(waiting)]
        return reduce(DataFrame.unionByName, texts)

    def _pending(self, table: Table, copies: ExitStack) -> pending.Pending:
        spark, settings = self.spark, self.settings
        folder, version = f"{settings.checkpoints}/{table.name}", preflight.check_source(spark, table)
        kind = {"table_id": version.table_id, "source_mode": source.APPEND, "digest": table.digest}
        held = None if self.fresh else checkpoint.held_load(spark, folder, **kind)
        last_recorded = -1
        if held:
            last_recorded = Ledger(self.state, held.load_id, table.name, source.APPEND).standing(spark).last_recorded
        copy = copies.enter_context(checkpoint.copied(folder, empty=held is None))
        size = settings.max_bytes_per_trigger
        found = pending.find(spark, table, copy=copy, last_recorded=last_recorded, max_bytes=size)
        if table.chunks is None:
            return found
        cut = pieces.as_texts(found.texts, table.chunks, tokenizer_text(), f"{copy}/pieces")
        return replace(found, texts=cut.dropDuplicates(["text_hash", "batch"]))

    def at_texts(self, texts: DataFrame) -> float | None:
        """Fill in what concerns texts and give the rate, in texts a second, that the one call showed, if it did."""
        distinct = texts.groupBy("text_hash").agg(
            F.first("text").alias("text"), F.min(F.struct("source", "batch")).alias("first")
        )
        sample = [row["text"] for row in distinct.select("text").limit(SAMPLE_TEXTS).collect()]
        asked: list[tuple[str | None, float | None]] = []
        settings, found = self.settings, self.found
        embedder, found.assumptions["embedding"] = choose.first_usable(
            settings.embedding,
            settings.write_partitions,
            self.spark,
            lambda candidate: asked.append(self._ask(candidate, sample)),
        )
        model_id, rate = asked[-1]
        lacking = distinct
        if model_id is not None:
            cache = EmbeddingCache(self.state, model_id)
            known = cache.look_up(distinct, distinct.count(), cache.version(self.spark))
            lacking = known.where(F.col("part").isNull())
        firsts = [row["count"] for row in lacking.groupBy("first").count().collect()]
        found.texts_to_embed = sum(firsts)
        found.cache_hits = found.texts - found.texts_to_embed
        found.calls = sum(-(-count // embedder.call_texts) for count in firsts)
        _count_tokens(lacking, preflight.text_dimension(self.graph), found)
        return rate

    def _ask(self, embedder: Embedder, sample: list[str]) -> tuple[str | None, float | None]:
        """Embed probes and sample in one call; give the model's id in this state and the rate in texts a second."""
        asked = list(dict.fromkeys([*PROBES, *sample]))
        began, calls = time.monotonic(), Calls()
        given = checked(embedder.embed(self.spark, asked, calls), preflight.text_dimension(self.graph))
        vectors = {answer.text: answer.vector for answer in given if answer.vector is not None}
        seconds = time.monotonic() - began
        # An endpoint that had to wake up, or a query made for thousands, shows nothing of its rate.
        telling = calls.retries == 0 and len(asked) * 2 > embedder.call_texts
        if not vectors.keys() >= set(PROBES):
            raise NotOfferedError(f"{embedder.model_name} does not embed a plain sentence by {embedder.strategy}")
        probes = np.stack([vectors[text] for text in PROBES])
        model_id = models.known(self.spark, self.state, embedder.model_name, probes)
        return model_id, len(asked) / seconds if telling else None


def _count_tokens(lacking: DataFrame, dimension: int, found: Forecast) -> None:
    counter = token_counter(dimension)
    if counter is None:
        found.tokens = found.truncated = None
        found.assumptions["tokens"] = "unknown: the model's tokenizer is not here (pip install tokenizers)"
        return
    longest = 0
    tokens = truncated = 0
    rows = iter(lacking.select("text").toLocalIterator())
    while batch := [row["text"] for row in itertools.islice(rows, 1_000)]:
        counts = counter.counts(batch)
        tokens += sum(counts)
        truncated += sum(count > MAX_TOKENS for count in counts)
        if max(counts) > max(longest, MAX_TOKENS):
            longest = max(counts)
            found.longest_text = f"{batch[counts.index(longest)][:60]}… ({longest} tokens)"
    found.tokens, found.truncated = tokens, truncated
    found.assumptions["tokens"] = f"of MiniLM's tokenizer; beyond {MAX_TOKENS} it reads no further"


def _estimate(history: History, settings: StreamSettings, rate: float | None, found: Forecast) -> None:
    vectors_a_row = found.texts / max(1, found.rows_pending)
    embed_rate, write_rate = history.embed_rate(rate), history.write_rate(vectors_a_row)
    fixed = history.fixed_seconds()
    found.assumptions |= {"embedding rate": embed_rate.why, "writing rate": write_rate.why, "fixed time": fixed.why}
    embed = found.texts_to_embed / embed_rate.value
    seconds = fixed.value + embed + found.rows_pending / write_rate.value
    spread = max(embed_rate.spread, write_rate.spread)
    found.minutes = (round(seconds / spread / 60, 2), round(seconds * spread / 60, 2))
    if settings.price_per_hour is not None:
        hours = embed / 3600
        found.cost = (
            round(settings.price_per_hour * hours / embed_rate.spread, 4),
            round(settings.price_per_hour * hours * embed_rate.spread, 4),
        )
        found.assumptions["cost"] = f"{settings.price_per_hour:g} an hour while the endpoint embeds; idle time is free"
    else:
        found.assumptions["cost"] = "unknown: give --price-per-hour, what the endpoint costs while it runs"
    found.graph_bytes = found.rows_pending * BYTES_A_NODE
    found.assumptions["graph"] = f"{BYTES_A_NODE:,} bytes a new row, on average, if its key is not in the graph yet"


def as_json(found: Forecast) -> str:
    """Give the figures as one line."""
    return json.dumps(vars(found))


def lines(found: Forecast) -> list[tuple[str, str, str]]:
    """Give (what, figure, assumption) for people."""
    unknown = "unknown"
    why = found.assumptions
    figures: list[tuple[str, Any, str]] = [
        ("rows pending", f"{found.rows_pending:,}", "by the load's own stream, over a copy of its checkpoint"),
        ("texts", f"{found.texts:,}", "distinct in each micro-batch"),
        ("cache hits", f"{found.cache_hits:,}", ""),
        ("texts to embed", f"{found.texts_to_embed:,}", why.get("embedding", "")),
        ("tokens", unknown if found.tokens is None else f"{found.tokens:,}", why.get("tokens", "")),
        ("truncated", unknown if found.truncated is None else f"{found.truncated:,}", found.longest_text or ""),
        ("calls", f"{found.calls:,}", "without retries"),
        ("minutes", f"{found.minutes[0]:g} to {found.minutes[1]:g}", f"{why['embedding rate']}; {why['writing rate']}"),
        ("cost", f"{found.cost[0]:g} to {found.cost[1]:g}" if found.cost else unknown, why["cost"]),
        ("graph grows by", f"{found.graph_bytes / 1e6:,.0f} MB", why["graph"]),
    ]
    return figures
