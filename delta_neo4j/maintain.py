"""Housekeeping of the state tables: few files, no twins. Nothing that a load would read differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.embedding.compaction import compact
from delta_neo4j.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

APPENDED = ("ledger", "dead_letters", "runs", "mappings")


def maintain(spark: SparkSession, location: str) -> Iterator[str]:
    """Do the housekeeping of a state and yield a line for each thing done."""
    state = State(location)
    for done in compact(spark, state):
        yield (
            f"embeddings of model {done.model_id}: {done.parts_before} settled parts became {done.parts_after}, "
            f"{done.twins} twins dropped"
        )
    for name in APPENDED:
        state.optimize(spark, name)
        yield f"{name}: small files merged"
