"""`upsert` and `delete`: load a frame's rows, or delete rows by key, as one micro-batch without a stream."""

from __future__ import annotations

import datetime as dt
import time
from collections import abc
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from delta_neo4j.errors import MappingError, PreflightError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.mapping.identifiers import sql_quoted
from delta_neo4j.mapping.plan import Mapping
from delta_neo4j.pipeline.loader import BatchLoader
from delta_neo4j.runs.preflight import check
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.runs.report.summary import TableRun
from delta_neo4j.runs.run import reported
from delta_neo4j.runs.steps import fresh_step
from delta_neo4j.source import append_stream, change_feed, contract, delta
from delta_neo4j.source.change_feed import CDF
from delta_neo4j.source.delta import SourceVersion
from delta_neo4j.source.freeze import clear_scratch
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.values import sql_type
from delta_neo4j.state.mappings import FRAME

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.runs.report.summary import RunReport
    from delta_neo4j.settings.values import LoadSettings
    from delta_neo4j.state.tables import State


def upsert(spark: SparkSession, settings: LoadSettings, rows: DataFrame, table: str | None = None) -> RunReport:
    """
    Load a frame's rows as rows of the mapping's table `table` (None if the mapping has one table).

    The loader reads the frame several times; it must return the same rows each time. A later call wins over an earlier
    one. A frame with Delta's columns `_change_type` and `_commit_version` has changes of the mapping's source table,
    whose versions count as in source mode `cdf`: a delete counts only if the table has the key no more. An expected
    failure is in the report's `error`.
    """
    return _reported(spark, settings, "upsert", table, lambda _: rows, deletes=False)


def delete(spark: SparkSession, settings: LoadSettings, keys: Any, table: str | None = None) -> RunReport:
    """
    Delete from the graph what the rows with these keys wrote, and keep what others wrote.

    `keys`: a frame with the mapping's key columns, or a list of keys (tuples, if a key has several parts). A key that
    is not in the graph counts as `unchanged`. An expected failure is in the report's `error`.
    """

    def framed(mapped: Table) -> DataFrame:
        return keys if hasattr(keys, "sparkSession") else _frame_of(spark, mapped, keys)

    return _reported(spark, settings, "delete", table, framed, deletes=True)


def _frame_of(spark: SparkSession, table: Table, keys: Any) -> DataFrame:
    if isinstance(keys, (str, bytes, abc.Mapping)) or not isinstance(keys, Iterable):
        raise PreflightError("keys must be a frame or a list of keys, as in delete(['RE000001'])")
    zone = ZoneInfo(table.timezone)
    rows = [tuple(_in_zone(part, zone) for part in (key if isinstance(key, (list, tuple)) else (key,))) for key in keys]
    wrong = [row for row in rows if len(row) != len(table.key)]
    if wrong:
        raise PreflightError(f"key {wrong[0]!r} has {len(wrong[0])} parts, table {table.name} has {len(table.key)}")
    if any(p.input.source.is_expression for p in table.key):
        raise PreflightError(
            f"the key of table {table.name} is an expression: pass a frame with the columns that the expression names"
        )
    columns = ", ".join(f"{sql_quoted(p.input.source.text)} {sql_type(p)}" for p in table.key)
    try:
        return spark.createDataFrame(rows, columns)
    except (TypeError, ValueError) as error:  # pyspark's errors for wrong values are subclasses of these two
        raise PreflightError(f"the keys do not fit the key of table {table.name} ({columns}): {error}") from error


def _in_zone(part: Any, zone: ZoneInfo) -> Any:
    """Return a moment without a zone as one in the mapping's; Spark would take it for one of this process's zone."""
    return part.replace(tzinfo=zone) if isinstance(part, dt.datetime) and part.tzinfo is None else part


def _reported(
    spark: SparkSession, settings: LoadSettings, command: str, name: str | None, frame_of: Any, *, deletes: bool
) -> RunReport:
    def work(state: State, report: RunReport) -> None:
        began = time.monotonic()
        mapping = read_mapping(settings.mapping, settings.sources, settings.located)
        table = _table(mapping, name)
        # A delete needs only the key: no text, no model, no `deleted_when`.
        written = table.keys_only() if deletes else table
        frame = frame_of(table)
        mode = CDF if not deletes and change_feed.is_feed(frame) else append_stream.APPEND
        source = SourceVersion(f"{FRAME}{table.name}", 0, frame.schema)
        if mode == CDF:
            source = replace(delta.describe(spark, table.source), schema=change_feed.table_columns(frame))
        plain = Mapping("", (written,))
        findings = check(spark, plain, settings, state, {table.name: source})
        ready = prepare(spark, plain, settings, state, findings)
        report.record_preflight(ready, spark.version)
        report.seconds["preflight"] = time.monotonic() - began
        budget = settings.budget(report.started_at.timestamp())
        # A delete writes no rows, so it records no mapping.
        mapped = None if deletes else mapping.tables
        step = fresh_step(spark, settings, written, ready, mapped, run_id=report.run_id, budget=budget, mode=mode)
        if deletes:
            step = replace(step, deletes=ready.histories[table.name].with_retired(table))
        report.tables.append(TableRun(table.name, step.load.load_id, mode, source.version))
        with deciding_values(spark, table.timezone):
            rows = contract.contract(step.table, frame) if deletes else change_feed.of_frame(step.table, frame)
            _run(step, rows, report)

    return reported(spark, settings, work, command=command)


def _run(step: Step, rows: DataFrame, report: RunReport) -> None:
    began, run, loader = time.monotonic(), report.tables[-1], BatchLoader(step)
    try:
        loader(rows, 0)
    finally:
        report.seconds["stream"] = time.monotonic() - began
        clear_scratch(step.staging_path)
        run.batches, run.account = loader.batches, loader.account


def _table(mapping: Mapping, name: str | None) -> Table:
    matching = [table for table in mapping.tables if name in {None, table.name}]
    if len(matching) != 1:
        names = ", ".join(table.name for table in mapping.tables)
        raise MappingError(f"mapping {mapping.name} has tables {names}: name the table of these rows with table=")
    return matching[0]
