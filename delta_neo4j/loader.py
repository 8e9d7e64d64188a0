"""A run: preflight, each table's stream to its end, reconciliation, summary."""

from __future__ import annotations

import logging
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from delta_neo4j import checkpoint, drift, preflight, source
from delta_neo4j.embedding.cache import EmbeddingCache
from delta_neo4j.embedding.tokens import tokenizer_text
from delta_neo4j.errors import BalanceError, BudgetReachedError
from delta_neo4j.ledger import Ledger
from delta_neo4j.mapping import read_mapping
from delta_neo4j.pipeline import LoadStep, no_hook
from delta_neo4j.report import RunReport, TableRun
from delta_neo4j.runs import KNOWN, as_loader_error, reported
from delta_neo4j.shipping import travel_by_value
from delta_neo4j.staging import clear_scratch
from delta_neo4j.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.budget import Budget
    from delta_neo4j.errors import LoaderError
    from delta_neo4j.plan import Table
    from delta_neo4j.preflight import Ready
    from delta_neo4j.settings import LoadSettings

log = logging.getLogger(__name__)


def load(
    spark: SparkSession,
    settings: LoadSettings,
    hook: Callable[[str, Any], Any] = no_hook,
    startup_seconds: float = 0.0,
) -> RunReport:
    """
    Load every table of the mapping up to its newest version, and say what became of each row.

    The report tells failure too (`report.error`); only what is not a loader's fault is raised.
    """
    travel_by_value()
    return reported(
        spark,
        settings,
        lambda state, report: _run(spark, settings, state, report, hook),
        command="load",
        startup_seconds=startup_seconds,
    )


def _run(
    spark: SparkSession, settings: LoadSettings, state: State, report: RunReport, hook: Callable[[str, Any], Any]
) -> None:
    began = time.monotonic()
    budget = settings.budget(report.started_at.timestamp())
    graph = read_mapping(settings.mapping, settings.sources)
    ready = preflight.check(spark, graph, settings, state)
    if settings.reset_checkpoint:
        for table in graph.tables:
            checkpoint.reset(spark, _folder(settings, table))
    report.ready(ready, spark.version)
    log.info("embedder.chosen", extra={"reason": ready.embedder_reason})
    report.seconds["preflight"] = time.monotonic() - began
    failed: list[LoaderError] = []
    for table in graph.tables:
        run = TableRun(table.name, None, source.APPEND, ready.sources[table.name].version)
        try:
            step = make_step(
                spark, settings, table, ready, graph.tables, run_id=report.run_id, budget=budget, hook=hook
            )
            run.load_id = step.load.load_id
            report.tables.append(run)
            there = source.rows_at(spark, table.source, run.source_version)
            log.info("table.begun", extra={"table": table.name, "rows_total": there, "rows_done": step.rows_recorded})
            _load_table(spark, settings, step, run, report, counted={run.source_version: there})
        except KNOWN as error:
            told = as_loader_error(error)
            run.error = str(told)
            if not settings.keep_going or isinstance(told, BudgetReachedError):
                raise
            if run.load_id is None:
                report.tables.append(run)
            failed.append(told)
    if failed:
        raise failed[0]


def _load_table(
    spark: SparkSession,
    settings: LoadSettings,
    step: LoadStep,
    run: TableRun,
    report: RunReport,
    *,
    counted: dict[int, int],
) -> None:
    began = time.monotonic()
    try:
        run.source_version = _stream(spark, settings, step.table, step, run.source_version)
    finally:
        report.seconds["stream"] = report.seconds.get("stream", 0.0) + time.monotonic() - began
        clear_scratch(step.staging_path)
        # From the ledger, failed or not: the only account that survives every way of running.
        run.batches, run.account = step.ledger.of_run(spark, report.run_id)
    _reconcile(spark, step, run, counted)


def make_step(
    spark: SparkSession,
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    mapped: tuple[Table, ...],
    *,
    run_id: str,
    budget: Budget,
    hook: Callable[[str, Any], Any] = no_hook,
) -> LoadStep:
    """Put together the step that loads one of the `mapped` tables, resuming its load or minting one."""
    state, folder = State(settings.state), _folder(settings, table)
    found = ready.sources[table.name]
    table = drift.expanded(table, found.schema)
    history = ready.histories[table.name]
    kind = {"table_id": found.table_id, "source_mode": source.APPEND, "digest": table.digest}
    held = checkpoint.held_load(spark, folder, **kind, database_id=ready.database_id)
    with ThreadPoolExecutor(1) as beside:
        # A commit of a cold JVM takes a second; the ledger is read meanwhile.
        noted = beside.submit(history.note, spark, table, found, source.APPEND, ready.database_id)
        standing = Ledger(state, held.load_id if held else "", table.name, source.APPEND).standing(spark)
        if held:
            load_ = checkpoint.resumed(held, standing.newest_epoch)
        else:
            load_ = checkpoint.begin(spark, folder, standing.newest_epoch, **kind, database_id=ready.database_id)
        noted.result()
    whole = history.with_retired(table, mapped)
    return replace(
        _step(settings, whole, ready, load_, run_id=run_id, budget=budget, hook=hook),
        last_recorded=standing.last_recorded,
        rows_recorded=standing.rows_recorded,
        read_before=standing.read_before,
    )


def _step(
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    load_: checkpoint.Load,
    *,
    run_id: str,
    budget: Budget,
    hook: Callable[[str, Any], Any] = no_hook,
) -> LoadStep:
    state = State(settings.state)
    return LoadStep(
        table=table,
        load=load_,
        ledger=Ledger(state, load_.load_id, table.name, source.APPEND),
        cache=EmbeddingCache(state, ready.model_id),
        embedder=ready.embedder if table.has_text else None,
        connection=settings.neo4j.connection(settings.graph_retry_seconds),
        run_id=run_id,
        staging_path=f"{_folder(settings, table)}/staging/{run_id}",
        source_token=source.source_token(table.name, load_.table_id, source.APPEND),
        write_partitions=settings.write_partitions,
        batch_size=settings.batch_size,
        budget=budget,
        tokenizer=tokenizer_text() if table.chunks else None,
        reach=ready.reach,
        hook=hook,
    )


def _folder(settings: LoadSettings, table: Table) -> str:
    return f"{settings.checkpoints}/{table.name}"


def _stream(
    spark: SparkSession, settings: LoadSettings, table: Table, step: Callable[[DataFrame, int], None], newest: int
) -> int:
    """Run the stream to its end and give the source version up to which it has read everything."""
    rows = source.stream(spark, table, settings.max_bytes_per_trigger)
    query = (
        rows.writeStream.foreachBatch(step)
        .queryName(f"delta-neo4j {table.name}")
        .option("checkpointLocation", _folder(settings, table))
        .trigger(availableNow=True)
        .start()
    )
    try:
        query.awaitTermination()
    finally:
        if query.isActive:  # an interrupt of this process: end the stream, the batch will be read again
            query.stop()
    return _read_up_to(query.lastProgress, newest)


def _read_up_to(progress: Any, newest: int) -> int:
    """
    Give the source version up to which everything was read, from the stream's last end offset.

    The end of an `availableNow` run is fixed when it starts; what lands later waits for the next run. Delta's
    index -1 means that the version named is still to be read whole.
    """
    if not progress:
        return newest  # nothing was there to read
    sources = progress["sources"] if isinstance(progress, dict) else progress.sources  # a dict until Spark 4
    offset = sources[0]["endOffset"] if isinstance(sources[0], dict) else sources[0].endOffset
    # JSON, a dict, or a dict's repr, as the Spark version and the way of running have it: the figures are the same.
    version = re.search(r"reservoirVersion\W+(\d+)", str(offset))
    index = re.search(r"\bindex[^\d-]+(-?\d+)", str(offset))
    if version is None or index is None:
        return newest
    return int(version.group(1)) - (1 if index.group(1) == "-1" else 0)


def _reconcile(spark: SparkSession, step: LoadStep, run: TableRun, counted: dict[int, int]) -> None:
    """
    Hold the ledger against the table itself: every row of every version the stream has passed was read once.

    `counted` has the rows of versions that were counted already.

    `awaitTermination` returns the same way for a query that somebody stopped, and a row lost before the first
    count is in no equation of a micro-batch; this sees both.
    """
    table, version = step.table, run.source_version
    there = counted[version] if version in counted else source.rows_at(spark, table.source, version)
    read = step.rows_recorded + run.account.rows_read
    if read != there:
        raise BalanceError(
            f"table {table.name} does not add up: {there} rows at version {version} against {read} read in this "
            f"load's life ({there - read:+d}); start fresh with --reset-checkpoint, only what differs is written"
        )


def batch_function(spark: SparkSession, settings: LoadSettings) -> Callable[[DataFrame, int], None]:
    """Give a `foreachBatch` function for the mapping's first table, for streams that the caller starts."""
    travel_by_value()
    graph = read_mapping(settings.mapping, settings.sources)
    table = graph.tables[0]
    budget = settings.budget(time.time())
    ready = preflight.check(spark, graph, settings, State(settings.state))
    step = fresh_step(spark, settings, table, ready, graph.tables, run_id=uuid.uuid4().hex[:12], budget=budget)

    def process(batch: DataFrame, batch_id: int) -> None:
        # A stream may go on for weeks: each of its micro-batches is newer than what any run has written before it.
        newest = replace(step, load=checkpoint.resumed(step.load))
        newest(source.contract(step.table, batch), batch_id)

    return process


def fresh_step(
    spark: SparkSession,
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    mapped: tuple[Table, ...] | None,
    *,
    run_id: str,
    budget: Budget,
) -> LoadStep:
    """
    Put together a step without a checkpoint: a load of its own, newer than every other.

    A stream that somebody else began has a checkpoint of its own, whose batch ids say nothing about those in our
    ledger; a batch that comes again changes nothing. With the `mapped` tables, of which `table` is one, the mapping
    goes on record.
    """
    found, state = ready.sources[table.name], State(settings.state)
    table = drift.expanded(table, found.schema)
    history = ready.histories[table.name]
    newest = Ledger(state, "", table.name, source.APPEND).standing(spark).newest_epoch
    load_ = checkpoint.mint(newest, table_id=found.table_id, source_mode=source.APPEND, digest=table.digest)
    if mapped is not None:
        history.note(spark, table, found, source.APPEND, ready.database_id)
        table = history.with_retired(table, mapped)
    return _step(settings, table, ready, load_, run_id=run_id, budget=budget)
