"""The count of a micro-batch's rows, before anything else touches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source import change_feed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.pipeline.step import Step


def count_rows(step: Step, rows: DataFrame) -> tuple[int | None, dict[str, int], int]:
    """
    Return the highest commit, the rows by kind of change, and the number of rows.

    Only rows of a change feed have a commit and a kind.
    """
    if step.load.source_mode != change_feed.CDF:
        return None, {}, rows.count()
    counts = rows.groupBy(change_feed.CHANGE).agg(F.count("*").alias("rows"), F.max(change_feed.COMMIT).alias("to"))
    by_kind = counts.collect()
    kinds = {row[change_feed.CHANGE]: row["rows"] for row in by_kind}
    return max((row["to"] for row in by_kind), default=None), kinds, sum(kinds.values())
