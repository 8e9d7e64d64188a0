"""The sweeps at the end of a load, when all tables are read: edges, then nodes, then nodes that nothing leads to."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.errors import LoaderError
from delta_neo4j.pipeline.source_sweep import SourceSweep
from delta_neo4j.runs import source_modes
from delta_neo4j.source import change_feed, snapshot
from delta_neo4j.source.freeze import clear_scratch
from delta_neo4j.source.session_settings import deciding_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.pipeline.source_sweep import Lost
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.runs.prepare import Ready
    from delta_neo4j.runs.report.summary import TableRun

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableRead:
    """A table that a run has read to its end; `rows` are the rows of a snapshot (its copy is at `copy`), else None."""

    step: Step
    run: TableRun
    rows: DataFrame | None
    copy: str


@contextmanager
def scratch(read: list[TableRead]) -> Iterator[None]:
    """Remove the frozen rows and copies of the tables at the end of a `with` block."""
    with ExitStack() as folders:
        for each in read:
            folders.callback(clear_scratch, each.step.staging_path)
            folders.callback(clear_scratch, each.copy)
        yield


def sweep(spark: SparkSession, read: list[TableRead], ready: Ready) -> None:
    """
    Delete from the graph what the sources of the tables have no more, as far as a sweep is due.

    `ready` has sources and histories as they were before this run. A sweep is due after a load that read its table
    from the beginning, until the ledger says that it is done. Raises `DeleteGuardError` before the first delete, if a
    sweep would delete too much.
    """
    tables = [each.step.table for each in read]
    due = [each for each in read if _is_due(each.step, tables)]
    found = [(each.run, *_find(spark, each, ready)) for each in due]
    accounts = [(run, one, one.delete(lost)) for run, one, lost in sorted(found, key=_edges_first)]
    for run, one, account in accounts:
        one.delete_stubs(account)
        one.record(spark, account)
        run.account.add(account)
        log.info("table.swept", extra={"table": run.name, "swept": account.swept})


def _is_due(step: Step, tables: list[Table]) -> bool:
    if not step.load.owes_sweep or step.position.swept or step.table.keeps_deleted:
        return False
    if other := source_modes.sharing(step.table, tables):
        extra = {"table": step.table.name, "reason": f"table {other.name} writes nodes of the same label"}
        log.warning("sweep.skipped", extra=extra)
        return False
    return True


def _find(spark: SparkSession, read: TableRead, ready: Ready) -> tuple[SourceSweep, Lost]:
    step, run, table = read.step, read.run, read.step.table
    history, source = ready.histories[table.name], ready.sources[table.name]
    with deciding_values(spark, table.timezone), run.account.timed("read"):
        if read.rows is not None:
            rows = snapshot.present(table, read.rows)
        else:
            rows = change_feed.rows_at(spark, table, run.source_version or 0)
        tokens = dict.fromkeys([f"{step.target.source_token}:", *history.own_tokens(table.source, source.table_id)])
        older = history.is_of_older_release(step.load.database_id)
        one = SourceSweep(step, rows, tuple(tokens), run.account, older)
        try:
            lost = one.find()
            one.check_guard(lost)
        except LoaderError as error:
            run.error = str(error)
            raise
    return one, lost


def _edges_first(found: tuple[TableRun, SourceSweep, Lost]) -> bool:
    return found[1].step.table.edge is None
