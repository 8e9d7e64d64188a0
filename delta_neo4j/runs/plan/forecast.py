"""
`plan`: forecast the rows, texts, minutes and cost of a load.

`plan` reads the source through a copy of the checkpoint and calls the model once. A figure that is estimated and not
counted stands beside its assumption.
"""

from __future__ import annotations

import itertools
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding import choose, chunks, model_identity
from delta_neo4j.embedding.base import PROBES, Calls, checked
from delta_neo4j.embedding.cache import EmbeddingCache
from delta_neo4j.embedding.tokens import token_counter, tokenizer_text
from delta_neo4j.errors import NotOfferedError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.runs import preflight, source_modes
from delta_neo4j.runs.plan import pending
from delta_neo4j.runs.plan.rates import History
from delta_neo4j.runs.run import travel_by_value
from delta_neo4j.runs.writers import writers
from delta_neo4j.source import append_stream, change_feed, grants, snapshot
from delta_neo4j.source.snapshot import SNAPSHOT
from delta_neo4j.state import checkpoint
from delta_neo4j.state.ledger import Ledger
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.mapping.plan import Mapping, Table
    from delta_neo4j.settings.values import StreamSettings

SAMPLE_TEXTS = 125  # together with the three probe texts, one request of the usual size
BYTES_A_NODE = 6_100  # bytes on disk of a node with vector, index entry, 20 properties, 2 relationships (measured)


@dataclass
class Forecast:
    """The figures of a forecast; `minutes` and `cost` are (low, high), and None is an unknown figure."""

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
    Count the rows and texts that a load would read, and estimate its minutes and cost.

    Writes nothing that a load reads. `fresh`: forecast a load with a new checkpoint.
    """
    travel_by_value()
    mapping, state = read_mapping(settings.mapping, settings.sources, settings.located), State(settings.state)
    choose.has_text(mapping, settings.embedding)
    grants.check_readable(spark, (table.source for table in mapping.tables), state.location)
    figures = Forecast()
    with ExitStack() as copies:
        planner = _Planner(spark, settings, state, mapping, figures, fresh)
        texts = planner.pending_texts(copies)
        figures.texts = texts.count()
        rate = planner.count_texts(texts) if figures.texts else None
    _estimate(History(state, spark), settings, rate, figures)
    return figures


@dataclass(frozen=True)
class _Planner:
    """Counts rows and texts into `figures`."""

    spark: SparkSession
    settings: StreamSettings
    state: State
    mapping: Mapping
    figures: Forecast
    fresh: bool

    def pending_texts(self, copies: ExitStack) -> DataFrame:
        """Count the pending rows; return each micro-batch's distinct texts, with the table's number as `source`."""
        by_table = [self._pending(table, copies) for table in self.mapping.tables]
        self.figures.rows_pending = sum(each.rows for each in by_table)
        texts = [each.texts.withColumn("source", F.lit(number)) for number, each in enumerate(by_table)]
        return reduce(lambda some, more: some.unionByName(more), texts)

    def _held(self, folder: str, table: Table, table_id: str, mode: str | None) -> checkpoint.Load | None:
        if self.fresh or checkpoint.is_given_up(self.spark, folder, self.state, table):
            return None
        return checkpoint.held_load(self.spark, folder, table_id=table_id, source_mode=mode, digest=table.digest)

    def _pending(self, table: Table, copies: ExitStack) -> pending.Pending:
        spark, settings = self.spark, self.settings
        folder, version = f"{settings.checkpoints}/{table.name}", preflight.check_source(spark, table)
        wanted = source_modes.wanted(settings, table)
        held = self._held(folder, table, version.table_id, wanted)
        mode = held.source_mode if held else source_modes.chosen(settings, table, version, self.mapping.tables)
        last_recorded = -1
        if mode == SNAPSHOT:
            held = None  # each run reads all rows
        if held:
            ledger = Ledger(self.state, held.load_id, table.name, mode)
            last_recorded = ledger.position(spark).last_recorded
        copy = copies.enter_context(checkpoint.copied(folder, empty=held is None))
        size = settings.max_bytes_per_trigger
        if mode == SNAPSHOT:
            unread = snapshot.read(spark, table, version.version, f"{copy}/rows")
        else:
            unread = (change_feed if mode == change_feed.CDF else append_stream).stream(spark, table, size)
        rows = pending.find(unread, table, copy=copy, last_recorded=last_recorded)
        if table.chunks is None:
            return rows
        cut = chunks.as_texts(rows.texts, table.chunks, tokenizer_text(), f"{copy}/chunks")
        return replace(rows, texts=cut.dropDuplicates(["text_hash", "batch"]))

    def count_texts(self, texts: DataFrame) -> float | None:
        """Count texts, cache hits, calls and tokens; return the texts a second of one call, or None if unknown."""
        distinct = texts.groupBy("text_hash").agg(
            F.first("text").alias("text"), F.min(F.struct("source", "batch")).alias("first")
        )
        sample = [row["text"] for row in distinct.select("text").limit(SAMPLE_TEXTS).collect()]
        settings, figures = self.settings, self.figures
        embedder, figures.assumptions["embedding"], (model_id, rate) = choose.first_answering(
            settings.embedding,
            writers(self.spark, settings),
            self.spark,
            lambda candidate: self._time_call(candidate, sample),
        )
        uncached = distinct
        if model_id is not None:
            cache = EmbeddingCache(self.state, model_id)
            looked_up = cache.look_up(distinct, distinct.count(), cache.version(self.spark))
            uncached = looked_up.where(F.col("part").isNull())
        # A text is embedded by the first micro-batch that has it, and calls do not span micro-batches.
        counts = [row["count"] for row in uncached.groupBy("first").count().collect()]
        figures.texts_to_embed = sum(counts)
        figures.cache_hits = figures.texts - figures.texts_to_embed
        figures.calls = sum(-(-count // embedder.call_texts) for count in counts)
        _count_tokens(uncached, preflight.text_dimension(self.mapping), embedder.max_tokens, figures)
        return rate

    def _time_call(self, embedder: Embedder, sample: list[str]) -> tuple[str | None, float | None]:
        """Embed the probe texts and a sample in one call; return model id and texts a second, each None if unknown."""
        texts = list(dict.fromkeys([*PROBES, *sample]))
        began, calls = time.monotonic(), Calls()
        answers = checked(embedder.embed(self.spark, texts, calls), preflight.text_dimension(self.mapping))
        vectors = {answer.text: answer.vector for answer in answers if answer.vector is not None}
        seconds = time.monotonic() - began
        # Ignore the time if the endpoint was cold (it retried) or the call had far fewer texts than it is made for.
        is_typical = calls.retries == 0 and len(texts) * 2 > embedder.call_texts
        if not vectors.keys() >= set(PROBES):
            raise NotOfferedError(f"{embedder.model_name} does not embed a plain sentence by {embedder.strategy}")
        probes = np.stack([vectors[text] for text in PROBES])
        model_id = model_identity.known(model_identity.recorded(self.spark, self.state), embedder.model_name, probes)
        return model_id, len(texts) / seconds if is_typical else None


def _count_tokens(uncached: DataFrame, dimension: int, max_tokens: int, figures: Forecast) -> None:
    counter = token_counter(dimension)
    if counter is None:
        figures.tokens = figures.truncated = None
        figures.assumptions["tokens"] = "unknown: the model's tokenizer is missing (pip install tokenizers)"
        return
    longest = 0
    tokens = truncated = 0
    rows = iter(uncached.select("text").toLocalIterator())
    while batch := [row["text"] for row in itertools.islice(rows, 1_000)]:
        counts = counter.counts(batch)
        tokens += sum(counts)
        truncated += sum(count > max_tokens for count in counts)
        if max(counts) > max(longest, max_tokens):
            longest = max(counts)
            figures.longest_text = f"{batch[counts.index(longest)][:60]}… ({longest} tokens)"
    figures.tokens, figures.truncated = tokens, truncated
    figures.assumptions["tokens"] = f"counted by MiniLM's tokenizer; the model reads the first {max_tokens} of a text"


def _estimate(history: History, settings: StreamSettings, rate: float | None, figures: Forecast) -> None:
    vectors_a_row = figures.texts / max(1, figures.rows_pending)
    embed_rate, write_rate = history.embed_rate(rate), history.write_rate(vectors_a_row)
    fixed = history.fixed_seconds()
    figures.assumptions |= {"embedding rate": embed_rate.why, "writing rate": write_rate.why, "fixed time": fixed.why}
    embed = figures.texts_to_embed / embed_rate.value
    seconds = fixed.value + embed + figures.rows_pending / write_rate.value
    spread = max(embed_rate.spread, write_rate.spread)
    figures.minutes = (round(seconds / spread / 60, 2), round(seconds * spread / 60, 2))
    if settings.price_per_hour is not None:
        hours = embed / 3600
        figures.cost = (
            round(settings.price_per_hour * hours / embed_rate.spread, 4),
            round(settings.price_per_hour * hours * embed_rate.spread, 4),
        )
        figures.assumptions["cost"] = (
            f"{settings.price_per_hour:g} an hour while the endpoint embeds; idle time is free"
        )
    else:
        figures.assumptions["cost"] = "unknown: set --price-per-hour, the price of the endpoint while it runs"
    figures.graph_bytes = figures.rows_pending * BYTES_A_NODE
    figures.assumptions["graph"] = f"{BYTES_A_NODE:,} bytes a row on average, if no key is in the graph yet"


def as_json(figures: Forecast) -> str:
    """Return the figures as one line of JSON."""
    return json.dumps(vars(figures))


def lines(figures: Forecast) -> list[tuple[str, str, str]]:
    """Return (name, value, assumption) of each figure, as texts for the terminal."""
    unknown = "unknown"
    why = figures.assumptions
    return [
        ("rows pending", f"{figures.rows_pending:,}", "counted by the load's stream on a copy of its checkpoint"),
        ("texts", f"{figures.texts:,}", "distinct in each micro-batch"),
        ("cache hits", f"{figures.cache_hits:,}", ""),
        ("texts to embed", f"{figures.texts_to_embed:,}", why.get("embedding", "")),
        ("tokens", unknown if figures.tokens is None else f"{figures.tokens:,}", why.get("tokens", "")),
        ("truncated", unknown if figures.truncated is None else f"{figures.truncated:,}", figures.longest_text or ""),
        ("calls", f"{figures.calls:,}", "without retries"),
        (
            "minutes",
            f"{figures.minutes[0]:g} to {figures.minutes[1]:g}",
            f"{why['embedding rate']}; {why['writing rate']}",
        ),
        ("cost", f"{figures.cost[0]:g} to {figures.cost[1]:g}" if figures.cost else unknown, why["cost"]),
        ("graph grows by", f"{figures.graph_bytes / 1e6:,.0f} MB", why["graph"]),
    ]
