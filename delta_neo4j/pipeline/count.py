"""The counts of a micro-batch's rows: before anything else touches them, and by state when they are frozen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source import change_feed, ranking
from delta_neo4j.source.rules import FAULT_CLASS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.state.account import Account


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


def count_states(step: Step, frozen: DataFrame, account: Account) -> tuple[dict[str, int], dict[str, int]]:
    """
    Count frozen rows; add those whose outcome is known, and the parallel relationships, to the account.

    Returns the number of rows by state, and of the unsound rows by reason class.
    """
    types = ranking.parallel_types(step.table)
    parallel = [F.sum(F.col(ranking.PARALLEL)[number]) for number in range(len(types))]
    counts = frozen.groupBy(ranking.STATE, FAULT_CLASS).agg(F.count("*").alias("rows"), *parallel).collect()
    states: Counter[str] = Counter()
    for row in counts:
        states[row[ranking.STATE]] += row["rows"]
        for kind, count in zip(types, row[3:], strict=True):
            account.edges(kind)["parallel"] += count
    outcomes = account.outcomes
    outcomes["superseded"] += states[ranking.SUPERSEDED]
    # The graph has nothing of a row without an end, so there is nothing to delete.
    outcomes["unchanged" if step.deletes else "without_end"] += states[ranking.WITHOUT_END]
    outcomes["unchanged"] += states[ranking.KEYLESS]
    outcomes["dead_lettered"] += states[ranking.UNSOUND]
    return states, {row[FAULT_CLASS]: row["rows"] for row in counts if row[ranking.STATE] == ranking.UNSOUND}
