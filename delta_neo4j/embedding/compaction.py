"""
Keeping the embedding cache in few parts without twins: small parts become one, a text that stands twice is kept once.

Safe beside running loads. A run reads older parts at the version it looked them up at, and parts of the last day,
which a run may just have made, are left alone. Appends of others are new parts, so they meet nothing that is rewritten.
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

    from delta_neo4j.state import State

PART_TEXTS = 50_000  # 77 MB: what a look-up reads for a single text of it
SETTLED_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Compacted:
    """What became of a model's parts."""

    model_id: str
    parts_before: int
    parts_after: int
    twins: int


def compact(spark: SparkSession, state: State, settled_seconds: float = SETTLED_SECONDS) -> list[Compacted]:
    """Rewrite the settled parts of every model; `settled_seconds` is how old a part must be."""
    version = state.version(spark, TABLE)
    if version is None:
        return []
    rows = state.read(spark, TABLE, version)
    settled = rows.where(F.col("part") < f"{int((time.time() - settled_seconds) * 1000):013d}")
    models = sorted(row["model_id"] for row in settled.select("model_id").distinct().collect())
    return [_compact(state, settled.where(F.col("model_id") == model), model, version) for model in models]


def _compact(state: State, rows: DataFrame, model_id: str, version: int) -> Compacted:
    keepers = rows.groupBy("text_hash").agg(F.min("part").alias("part"))
    held = {row["part"]: row["count"] for row in rows.groupBy("part").count().collect()}
    kept = {row["part"]: row["count"] for row in keepers.groupBy("part").count().collect()}
    groups = list(_groups(held, kept))
    # Parts that stay as they are: alone in their group, and without a twin of an earlier part.
    moving = {part: group[0] for group in groups for part in group if len(group) > 1 or kept.get(part) != held[part]}
    if moving:
        heads = rows.sparkSession.createDataFrame(list(moving.items()), "part STRING, head STRING")
        mine = rows.join(F.broadcast(heads), "part").join(keepers, ["text_hash", "part"], "left_semi")
        # Two of a text in one part have one keeper between them.
        once = mine.withColumn("part", F.col("head")).dropDuplicates(["text_hash"]).select(*rows.columns)
        names = ", ".join(f"'{part}'" for part in sorted(moving))
        # By version, so that of two compactions at once the one that looked earlier is dropped.
        application = (f"compaction of {model_id}", version)
        state.replace(once.repartition("part"), TABLE, f"model_id = '{model_id}' AND part IN ({names})", application)
    after = sum(1 for group in groups if any(kept.get(part) for part in group))
    return Compacted(model_id, len(held), after, sum(held.values()) - sum(kept.values()))


def _groups(held: dict[str, int], kept: dict[str, int]) -> Iterator[list[str]]:
    """Yield neighbouring parts, oldest first, that together have as many texts as a part should."""
    group: list[str] = []
    texts = 0
    for part in sorted(held):
        count = kept.get(part, 0)
        if group and texts + count > PART_TEXTS:
            yield group
            group, texts = [], 0
        group.append(part)
        texts += count
    if group:
        yield group
