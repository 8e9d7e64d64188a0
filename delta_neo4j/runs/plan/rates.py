"""The rates of a load: those of earlier runs of the state, else the rate of one call of the model, else assumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.state.tables import State

RECENT = 20  # number of the newest micro-batches, and of the newest runs, that are read
ENOUGH_TEXTS, ENOUGH_ROWS = 1_000, 10_000  # with fewer, fixed costs hide the rate
WRITE_ROWS_PER_SECOND = 3_500  # two writers and Neo4j on the same two cores (docs/benchmarks.md)
INDEX_SECONDS = 0.000_25  # seconds for the entry of a distinct vector in the vector index
CONCURRENCY_GAIN = 1.2  # rate of parallel requests over the rate of one: 1.07 (torch) to 1.33 (OpenVINO)
FIXED_SECONDS = 17.0  # seconds for the start of a local Spark, preflight and summary
EMBED_TEXTS_PER_SECOND = 400  # rate of a Small endpoint on CPU
MEASURED, ASSUMED, UNKNOWN = 1.3, 1.5, 4.0  # the error of a rate, as a factor up or down


@dataclass(frozen=True)
class Rate:
    """A rate or a duration: its value, its possible error (a factor up or down), and its origin in words."""

    value: float
    spread: float
    why: str


@dataclass(frozen=True)
class History:
    """Reads the newest micro-batches and runs of a state."""

    state: State
    spark: SparkSession

    def embed_rate(self, timed: float | None) -> Rate:
        """Return texts a second: of earlier runs, else from `timed` (the rate of one call), else an assumption."""
        runs = [run for run in self._runs() if run["embedding"]["texts_embedded"]]
        texts = sum(run["embedding"]["texts_embedded"] for run in runs)
        seconds = sum(run["seconds"]["embed"] for run in runs)
        if texts >= ENOUGH_TEXTS and seconds:
            return Rate(texts / seconds, MEASURED, f"{texts / seconds:,.0f} texts/s, as in earlier runs")
        if timed is not None:
            rate = timed * CONCURRENCY_GAIN
            return Rate(rate, ASSUMED, f"{rate:,.0f} texts/s, from one call of the model")
        why = f"{EMBED_TEXTS_PER_SECOND} texts/s, assumed: one call cannot show the rate of this endpoint"
        return Rate(EMBED_TEXTS_PER_SECOND, UNKNOWN, why)

    def write_rate(self, vectors_a_row: float) -> Rate:
        """Return rows a second without embedding; `vectors_a_row` is the number of distinct vectors over the rows."""
        rows = seconds = 0.0
        for row in self._batches():
            rows += row["rows_read"]
            seconds += sum(value for stage, value in json.loads(row["seconds"]).items() if stage != "embed")
        if rows >= ENOUGH_ROWS and seconds:
            return Rate(rows / seconds, MEASURED, f"{rows / seconds:,.0f} rows/s, as in earlier micro-batches")
        rate = 1 / (1 / WRITE_ROWS_PER_SECOND + vectors_a_row * INDEX_SECONDS)
        return Rate(rate, ASSUMED, f"{rate:,.0f} rows/s, as on two cores")

    def fixed_seconds(self) -> Rate:
        """Return the seconds of a load that do not depend on its rows: its start and its end."""
        fixed = [run["seconds"]["total"] - run["seconds"]["stream"] for run in self._runs() if run["seconds"]["stream"]]
        if fixed:
            return Rate(median(fixed), MEASURED, f"{median(fixed):.0f} s to start and end, as in earlier runs")
        return Rate(FIXED_SECONDS, ASSUMED, f"{FIXED_SECONDS:.0f} s to start and end")

    def _runs(self) -> list[dict[str, Any]]:
        newest = f"SELECT summary FROM {{runs}} ORDER BY started_at DESC LIMIT {RECENT}"
        return [json.loads(row["summary"]) for row in self.state.rows(self.spark, newest)]

    def _batches(self) -> list[dict[str, Any]]:
        batches = "SELECT rows_read, embedding, seconds FROM {ledger} WHERE batch_id >= 0"
        return self.state.rows(self.spark, f"{batches} ORDER BY recorded_at DESC LIMIT {RECENT}")
