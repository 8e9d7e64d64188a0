"""How fast earlier runs of a state were, from its own ledger; an assumption where there are none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.state import State

RECENT = 20  # micro-batches, runs
ENOUGH_TEXTS, ENOUGH_ROWS = 1_000, 10_000  # below, fixed costs drown the rate
WRITE_ROWS_PER_SECOND = 3_500  # two writers and Neo4j on the same two cores (docs/benchmarks.md)
INDEX_SECONDS = 0.000_25  # more where a row's vector is no other row's: the index is what it costs
CONCURRENCY_GAIN = 1.2  # requests side by side against the one that was timed: 1.07 (torch) to 1.33 (OpenVINO)
FIXED_SECONDS = 17.0  # a local Spark starting, preflight, the summary
EMBED_TEXTS_PER_SECOND = 400  # a Small endpoint on CPU
SEEN, ASSUMED, UNKNOWN = 1.3, 1.5, 4.0  # how far off, as a factor either way


@dataclass(frozen=True)
class Rate:
    """A figure, how far off it may be (a factor), and where it comes from."""

    value: float
    spread: float
    why: str


@dataclass(frozen=True)
class History:
    """The newest micro-batches and runs of a state."""

    state: State
    spark: SparkSession

    def embed_rate(self, asked: float | None) -> Rate:
        """Give texts a second: of earlier runs, else of the one call (`asked`), else an assumption."""
        runs = [run for run in self._runs() if run["embedding"]["texts_embedded"]]
        texts = sum(run["embedding"]["texts_embedded"] for run in runs)
        seconds = sum(run["seconds"]["embed"] for run in runs)
        if texts >= ENOUGH_TEXTS and seconds:
            return Rate(texts / seconds, SEEN, f"{texts / seconds:,.0f} texts/s, as in earlier runs")
        if asked is not None:
            rate = asked * CONCURRENCY_GAIN
            return Rate(rate, ASSUMED, f"{rate:,.0f} texts/s, from one call of the model")
        why = f"{EMBED_TEXTS_PER_SECOND} texts/s, an assumption: one call says nothing of this endpoint's rate"
        return Rate(EMBED_TEXTS_PER_SECOND, UNKNOWN, why)

    def write_rate(self, vectors_a_row: float) -> Rate:
        """Give rows a second of everything but embedding, for rows with so many vectors of their own."""
        rows = seconds = 0.0
        for row in self._batches():
            rows += row["rows_read"]
            seconds += sum(value for stage, value in json.loads(row["seconds"]).items() if stage != "embed")
        if rows >= ENOUGH_ROWS and seconds:
            return Rate(rows / seconds, SEEN, f"{rows / seconds:,.0f} rows/s, as in earlier micro-batches")
        rate = 1 / (1 / WRITE_ROWS_PER_SECOND + vectors_a_row * INDEX_SECONDS)
        return Rate(rate, ASSUMED, f"{rate:,.0f} rows/s, as on two cores")

    def fixed_seconds(self) -> Rate:
        """Give the seconds that a load takes whatever it loads."""
        fixed = [run["seconds"]["total"] - run["seconds"]["stream"] for run in self._runs() if run["seconds"]["stream"]]
        if fixed:
            return Rate(median(fixed), SEEN, f"{median(fixed):.0f} s to start and end, as in earlier runs")
        return Rate(FIXED_SECONDS, ASSUMED, f"{FIXED_SECONDS:.0f} s to start and end")

    def _runs(self) -> list[dict[str, Any]]:
        newest = self.state.read(self.spark, "runs").orderBy(F.desc("started_at")).limit(RECENT)
        return [json.loads(row["summary"]) for row in newest.select("summary").collect()]

    def _batches(self) -> list[dict[str, Any]]:
        rows = self.state.read(self.spark, "ledger").orderBy(F.desc("recorded_at")).limit(RECENT)
        return [row.asDict() for row in rows.select("rows_read", "embedding", "seconds").collect()]
