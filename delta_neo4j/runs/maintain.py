"""`maintain`: merge the small files of the state tables and drop duplicate vectors, also while a load runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.embedding.compaction import compact
from delta_neo4j.source import grants
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

APPENDED = ("ledger", "dead_letters", "waiting_edges", "runs", "mappings")


def maintain(spark: SparkSession, location: str) -> Iterator[str]:
    """Compact the cache and the other tables of the state at `location`; yield a line for each table that it has."""
    grants.check_readable(spark, (), location)
    state = State(location)
    found = False
    for done in compact(spark, state):
        found = True
        yield (
            f"embeddings of model {done.model_id}: {done.parts_before} parts became {done.parts_after}, "
            f"{done.twins} duplicates dropped"
        )
    for name in APPENDED:
        if state.optimize(spark, name):
            found = True
            yield f"{name}: small files merged"
    if not found:
        yield f"the state {location} has no tables yet"
