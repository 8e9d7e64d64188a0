"""Run a table's stream to its end, read the source version that it reached, and compare the counts of rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame
    from pyspark.sql.streaming.query import StreamingQuery

    from delta_neo4j.runs.report.summary import TableRun


def run_to_end(
    rows: DataFrame, batch_function: Callable[[DataFrame, int], None], checkpoint: str, name: str
) -> StreamingQuery:
    """
    Run `batch_function` over every micro-batch that the checkpoint has not read, and return the ended query.

    An interrupt of this process ends the stream; the next run reads the micro-batch again.
    """
    query = (
        rows.writeStream.foreachBatch(batch_function)
        .queryName(name)
        .option("checkpointLocation", checkpoint)
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    finally:
        if query.isActive:
            query.stop()
    return query


def version_reached(progress: Any, newest: int) -> int:
    """
    Return the source version up to which a stream has read every row, from the stream's last progress.

    If the stream had nothing to read, the version is `newest`. An `availableNow` stream fixes its end when it starts;
    later commits wait for the next run.
    """
    if not progress:
        return newest
    sources = progress["sources"] if isinstance(progress, dict) else progress.sources  # a dict until Spark 4
    offset = sources[0]["endOffset"] if isinstance(sources[0], dict) else sources[0].endOffset
    # The offset is JSON, a dict or the repr of a dict, depending on the Spark version and on Connect.
    version = re.search(r"reservoirVersion\W+(\d+)", str(offset))
    index = re.search(r"\bindex[^\d-]+(-?\d+)", str(offset))
    if version is None or index is None:
        return newest
    # With Delta's index -1 the stream has read nothing of this version yet.
    return int(version.group(1)) - (1 if index.group(1) == "-1" else 0)


def reconcile(run: TableRun, rows_recorded: int, rows_in_table: int) -> None:
    """
    Compare the rows in the table, at the version that the run reached, with the rows that this load has read.

    `rows_recorded`: the rows that earlier runs of the load read, less those that a change feed took away. Raises
    `BalanceError` if the numbers differ. Nothing else notices a query that somebody stopped (`awaitTermination` returns
    as usual) or a row lost before it was counted.
    """
    rows_read = rows_recorded + run.account.rows_added
    if rows_read != rows_in_table:
        raise BalanceError(
            f"table {run.name} does not add up: version {run.source_version} has {rows_in_table} rows, this load has "
            f"read {rows_read} ({rows_in_table - rows_read:+d}); start fresh with --reset-checkpoint, which "
            "writes the rows whose hash differs"
        )
