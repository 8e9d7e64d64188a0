"""
Compaction of the embedding cache: merge small parts, and keep a text once that two runs embedded.

It is safe beside running loads: a run reads older parts at the version of its look-up, and parts of the last day are
not touched. Appends of other runs are new parts, so they do not conflict with the parts that are rewritten.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.embedding.cache import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.state.tables import State

PART_TEXTS = 50_000  # 77 MB, read for a single text of the part
SETTLED_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Compacted:
    """The parts of a model before and after, and the number of duplicate texts (twins) that were dropped."""

    model_id: str
    parts_before: int
    parts_after: int
    twins: int


def compact(spark: SparkSession, state: State, settled_seconds: float = SETTLED_SECONDS) -> list[Compacted]:
    """Rewrite the parts of every model that are older than `settled_seconds`."""
    version = state.version(spark, TABLE)
    if version is None:
        return []
    rows = state.read(spark, TABLE, version)
    settled = rows.where(F.col("part") < f"{int((time.time() - settled_seconds) * 1000):013d}")
    models = sorted(row["model_id"] for row in settled.select("model_id").distinct().collect())
    return [_compact(state, settled.where(F.col("model_id") == model), model, version) for model in models]


def _compact(state: State, rows: DataFrame, model_id: str, version: int) -> Compacted:
    keepers = rows.groupBy("text_hash").agg(F.min("part").alias("part"))
    before = {row["part"]: row["count"] for row in rows.groupBy("part").count().collect()}
    kept = {row["part"]: row["count"] for row in keepers.groupBy("part").count().collect()}
    groups = list(_groups(before, kept))
    # A part is not rewritten if it is alone in its group and shares no text with an earlier part.
    moving = {part: group[0] for group in groups for part in group if len(group) > 1 or kept.get(part) != before[part]}
    if moving:
        heads = rows.sparkSession.createDataFrame(list(moving.items()), "part STRING, head STRING")
        moved = rows.join(F.broadcast(heads), "part").join(keepers, ["text_hash", "part"], "left_semi")
        # One part may have the same text twice.
        once = moved.withColumn("part", F.col("head")).dropDuplicates(["text_hash"]).select(*rows.columns)
        names = ", ".join(f"'{part}'" for part in sorted(moving))
        # By version: of two compactions at the same time, the one that read an earlier version is dropped.
        application = (f"compaction of {model_id}", version)
        state.replace(once.repartition("part"), TABLE, f"model_id = '{model_id}' AND part IN ({names})", application)
    after = sum(1 for group in groups if any(kept.get(part) for part in group))
    return Compacted(model_id, len(before), after, sum(before.values()) - sum(kept.values()))


def _groups(before: dict[str, int], kept: dict[str, int]) -> Iterator[list[str]]:
    """Yield groups of neighbouring parts, oldest first, of at most PART_TEXTS texts together."""
    group: list[str] = []
    texts = 0
    for part in sorted(before):
        count = kept.get(part, 0)
        if group and texts + count > PART_TEXTS:
            yield group
            group, texts = [], 0
        group.append(part)
        texts += count
    if group:
        yield group
