"""`load`: preflight, prepare, the stream of each table to its end, reconciliation, report."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pyspark.errors import StreamingQueryException

from delta_neo4j.errors import BudgetReachedError
from delta_neo4j.graph.passes.runner import is_connect
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.pipeline.loader import BatchLoader
from delta_neo4j.pipeline.step import Step, no_hook
from delta_neo4j.runs import registry_check, source_modes
from delta_neo4j.runs.error_translation import EXPECTED, as_loader_error
from delta_neo4j.runs.leases import leased
from delta_neo4j.runs.preflight import check
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.runs.report import html, mlflow
from delta_neo4j.runs.report.summary import RunReport, TableRun
from delta_neo4j.runs.run import reported
from delta_neo4j.runs.status import look_at
from delta_neo4j.runs.steps import checkpoint_folder, make_step
from delta_neo4j.runs.stream import reconcile, run_to_end, version_reached
from delta_neo4j.runs.stream_errors import may_be_a_new_column
from delta_neo4j.runs.sweep import TableRead, scratch, sweep
from delta_neo4j.runs.waiting import write_waiting
from delta_neo4j.settings.limits import LIMITS, Limits
from delta_neo4j.source import append_stream, change_feed, delta, snapshot
from delta_neo4j.source.freeze import clear_scratch
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.snapshot import SNAPSHOT
from delta_neo4j.state import checkpoint, open_letters
from delta_neo4j.state.mappings import MappingHistory
from delta_neo4j.state.offsets import has_read_all
from delta_neo4j.state.spark_reader import SparkReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from delta_neo4j.errors import LoaderError
    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.runs.prepare import Ready
    from delta_neo4j.settings.values import LoadSettings
    from delta_neo4j.state.tables import State

log = logging.getLogger(__name__)


def load(
    spark: SparkSession,
    settings: LoadSettings,
    hook: Callable[[str, Any], Any] = no_hook,
    startup_seconds: float = 0.0,
    limits: Limits = LIMITS,
) -> RunReport:
    """
    Load every table of the mapping up to its newest version, and report the outcome of every row.

    The run calls `hook` between the steps of a micro-batch, and adds `startup_seconds` to the report's total. An
    expected failure is in the report's `error`; any other exception is raised.
    """
    step_of = partial(make_step, hook=hook, limits=limits)
    report = reported(
        spark,
        settings,
        lambda state, report: _run(spark, settings, state, report, step_of=step_of, limits=limits),
        command="load",
        startup_seconds=startup_seconds,
    )
    if settings.mlflow:
        report.mlflow = _logged(spark, settings, report, settings.mlflow)
    return report


def _logged(spark: SparkSession, settings: LoadSettings, report: RunReport, experiment: str) -> str:
    """Log the stored run to MLflow; return where, or why not, in words."""
    if not report.tables:
        return "no MLflow run: the run failed before it began a table"
    try:
        mapping = read_mapping(settings.mapping, settings.sources, settings.located)
        graph = look_at(settings.neo4j, mapping)
        told = html.told(SparkReader(spark, settings.state), report.run_id, graph)
    except EXPECTED as error:
        return f"no MLflow run: {as_loader_error(error)}"
    return mlflow.logged(told, experiment)


def _run(
    spark: SparkSession,
    settings: LoadSettings,
    state: State,
    report: RunReport,
    *,
    step_of: Callable[..., Step],
    limits: Limits,
) -> None:
    began = time.monotonic()
    mapping = read_mapping(settings.mapping, settings.sources, settings.located)
    findings = check(spark, mapping, settings, state)
    source_modes.check(settings, mapping.tables, findings.sources)
    ready = prepare(spark, mapping, settings, state, findings)
    report.record_preflight(ready, spark.version)
    log.info("embedder.chosen", extra={"reason": ready.embedder_reason})
    report.seconds["preflight"] = time.monotonic() - began
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    tokens = source_modes.tokens(mapping.tables, ready.sources)
    with leased(connection, tokens, report.run_id, limits, loading=True) as (entries, awaited):
        ready = replace(ready, registry=entries)
        if awaited:  # the run that was waited for may be the state's first
            names = [table.name for table in mapping.tables]
            ready = replace(ready, histories=MappingHistory.of_all(spark, state, names))
        _load_tables(spark, settings, mapping, ready, report=report, step_of=step_of)


def _load_tables(
    spark: SparkSession,
    settings: LoadSettings,
    mapping: Mapping,
    ready: Ready,
    *,
    report: RunReport,
    step_of: Callable[..., Step],
) -> None:
    budget = settings.budget(report.started_at.timestamp())
    if settings.reset_checkpoint:
        for table in mapping.tables:
            checkpoint.reset(spark, checkpoint_folder(settings, table))
    failures: list[LoaderError] = []
    read: list[TableRead] = []
    for table in mapping.tables:
        source = ready.sources[table.name]
        run = TableRun(table.name, None, source_modes.wanted(settings, table) or "auto", source.version)
        try:
            step = step_of(spark, settings, table, ready, mapping.tables, run_id=report.run_id, budget=budget)
            registry_check.settle(step, ready.registry)
            run.load_id, run.source_mode = step.load.load_id, step.load.source_mode
            run.unread_feed = source.has_feed and run.source_mode == append_stream.APPEND
            report.tables.append(run)
            read.append(_load_table(spark, settings, step, run, report))
        except EXPECTED as error:
            failure = as_loader_error(error)
            run.error = str(failure)
            if not settings.keep_going or isinstance(failure, BudgetReachedError):
                raise
            if run.load_id is None:
                report.tables.append(run)
            failures.append(failure)
    if failures:
        raise failures[0]
    with scratch(read):
        sweep(spark, read, ready)
        write_waiting(spark, read)
    _count_open_letters(spark, read)


def _count_open_letters(spark: SparkSession, read: list[TableRead]) -> None:
    for each in read:
        step = each.step
        if step.position.has_letters or each.run.account.has_letters:
            each.run.open_dead_letters = open_letters.count(spark, step.ledger.state, step.table, step.load)


def _load_table(spark: SparkSession, settings: LoadSettings, step: Step, run: TableRun, report: RunReport) -> TableRead:
    table, version_before = step.table, run.source_version
    rows, copy = None, f"{checkpoint_folder(settings, table)}/copies/{report.run_id}"
    if step.load.source_mode == SNAPSHOT:
        with deciding_values(spark, table.timezone):
            rows = snapshot.read(spark, table, version_before, copy)
    in_copy = rows.count() if rows is not None and version_before is None else None
    rows_total = delta.rows_at(spark, table.source, version_before) if in_copy is None else in_copy
    done = step.position.rows_recorded
    log.info("table.begun", extra={"table": table.name, "rows_total": rows_total, "rows_done": done})
    began, loader, ended = time.monotonic(), BatchLoader(step), False
    try:
        if rows is not None:
            with deciding_values(spark, table.timezone):
                loader(rows, 0)
        elif not has_read_all(checkpoint_folder(settings, table), step.load.table_id, version_before or 0):
            query = _stream(spark, settings, loader)
            run.source_version = version_reached(query.lastProgress, version_before or 0)
        ended = True
    finally:
        report.seconds["stream"] = report.seconds.get("stream", 0.0) + time.monotonic() - began
        clear_scratch(step.staging_path)
        if not ended:
            clear_scratch(copy)
        if ended and not is_connect(spark):
            run.batches, run.account = loader.batches, loader.account
            report.row_read(loader.first_row)
        else:  # with Spark Connect the loader has run in another process, whose memory never comes back
            with suppress(*(() if ended else (Exception,))):  # what ended the stream counts, also if Spark is gone
                run.batches, run.account = step.ledger.of_run(spark, report.run_id)
    if run.account.makes_nothing:
        log.warning("table.without_ends", extra={"table": table.name, "rows": run.account.rows_read})
    if run.source_version != version_before:
        rows_total = delta.rows_at(spark, table.source, run.source_version)
    reconcile(run, done, rows_total)
    return TableRead(loader.step, run, rows, copy)


def _stream(spark: SparkSession, settings: LoadSettings, loader: BatchLoader) -> StreamingQuery:
    """Run the table's stream to its end; start it once more if a column was added while it read."""
    step, table = loader.step, loader.step.table
    source = change_feed if step.load.source_mode == change_feed.CDF else append_stream

    def once() -> StreamingQuery:
        with deciding_values(spark, table.timezone):
            rows = source.stream(spark, table, settings.max_bytes_per_trigger)
            return run_to_end(rows, loader, checkpoint_folder(settings, table), f"delta-neo4j {table.name}")

    try:
        return once()
    except StreamingQueryException as error:
        if not may_be_a_new_column(str(error)):
            raise
        log.info("stream.restarted", extra={"table": table.name, "reason": "the source's columns changed"})
    return once()
