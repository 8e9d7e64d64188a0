"""Loading without a stream: a frame's rows, or keys to take away, as one micro-batch with the same account."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from delta_neo4j import preflight, source
from delta_neo4j.errors import MappingError, PreflightError
from delta_neo4j.identifiers import sql_quoted
from delta_neo4j.loader import fresh_step
from delta_neo4j.mapping import read_mapping
from delta_neo4j.mapping_history import FRAME
from delta_neo4j.plan import Graph
from delta_neo4j.report import TableRun
from delta_neo4j.runs import reported
from delta_neo4j.shipping import travel_by_value
from delta_neo4j.source import SourceVersion
from delta_neo4j.staging import clear_scratch
from delta_neo4j.validation import sql_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.pipeline import LoadStep
    from delta_neo4j.plan import Table
    from delta_neo4j.report import RunReport
    from delta_neo4j.settings import LoadSettings
    from delta_neo4j.state import State


def upsert(spark: SparkSession, settings: LoadSettings, rows: DataFrame, table: str | None = None) -> RunReport:
    """
    Load a frame's rows as those of a table of the mapping (`table`; the only one where it has one).

    The frame must give the same rows whenever it is read. The newest call wins over what earlier ones wrote.
    """
    return _reported(spark, settings, "upsert", table, lambda _: rows, deletes=False)


def delete(spark: SparkSession, settings: LoadSettings, keys: Any, table: str | None = None) -> RunReport:
    """
    Take away what the rows with these keys put into the graph; what others put there stays.

    `keys` is a frame with the mapping's key columns, or a list of keys (of tuples where a key has several parts). A key
    that the graph does not have is `unchanged`.
    """

    def framed(mapped: Table) -> DataFrame:
        return keys if hasattr(keys, "sparkSession") else _frame_of(spark, mapped, keys)

    return _reported(spark, settings, "delete", table, framed, deletes=True)


def _frame_of(spark: SparkSession, table: Table, keys: Any) -> DataFrame:
    if isinstance(keys, (str, bytes, Mapping)) or not isinstance(keys, Iterable):
        raise PreflightError("keys are a frame or a list of keys, as in delete(['RE000001'])")
    rows = [tuple(key) if isinstance(key, (list, tuple)) else (key,) for key in keys]
    wrong = [row for row in rows if len(row) != len(table.key)]
    if wrong:
        raise PreflightError(f"key {wrong[0]!r} has {len(wrong[0])} parts, table {table.name} has {len(table.key)}")
    if any(p.input.is_expression for p in table.key):
        raise PreflightError(f"the key of table {table.name} is an expression: give a frame with the columns it is of")
    columns = ", ".join(f"{sql_quoted(p.input.text)} {sql_type(p)}" for p in table.key)
    try:
        return spark.createDataFrame(rows, columns)
    except (TypeError, ValueError) as error:  # pyspark's own errors are these
        raise PreflightError(f"the keys are not of the types that table {table.name} has: {error}") from error


def _reported(
    spark: SparkSession, settings: LoadSettings, command: str, name: str | None, frame_of: Any, *, deletes: bool
) -> RunReport:
    travel_by_value()

    def work(state: State, report: RunReport) -> None:
        began = time.monotonic()
        graph = read_mapping(settings.mapping, settings.sources)
        table = _table(graph, name)
        # Taking a row away needs its key alone: no text, no model.
        plain = replace(table, properties=(), embedding=None, relationships=(), order_by=()) if deletes else table
        frame = frame_of(table)
        found = SourceVersion(f"{FRAME}{table.name}", 0, frame.schema)
        ready = preflight.check(spark, Graph("", (plain,)), settings, state, {table.name: found})
        report.ready(ready, spark.version)
        report.seconds["preflight"] = time.monotonic() - began
        budget = settings.budget(report.started_at.timestamp())
        # A mapping that writes nothing is no news of what the loader wrote.
        mapped = None if deletes else graph.tables
        step = fresh_step(spark, settings, plain, ready, mapped, run_id=report.run_id, budget=budget)
        if deletes:
            step = replace(step, deletes=ready.histories[table.name].with_retired(table))
        report.tables.append(TableRun(table.name, step.load.load_id, source.APPEND, 0))
        _run(spark, step, source.contract(step.table, frame), report)

    return reported(spark, settings, work, command=command)


def _run(spark: SparkSession, step: LoadStep, rows: DataFrame, report: RunReport) -> None:
    began, run = time.monotonic(), report.tables[-1]
    try:
        step(rows, 0)
    finally:
        report.seconds["stream"] = time.monotonic() - began
        clear_scratch(step.staging_path)
        run.batches, run.account = step.ledger.of_run(spark, report.run_id)


def _table(graph: Graph, name: str | None) -> Table:
    named = [table for table in graph.tables if name in {None, table.name}]
    if len(named) != 1:
        names = ", ".join(table.name for table in graph.tables)
        raise MappingError(f"mapping {graph.name} has tables {names}: say which one these rows are of, with table=")
    return named[0]
