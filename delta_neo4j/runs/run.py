"""Run the work of a command: make the package travel, time the work, translate its failure, store its report."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from typing import TYPE_CHECKING

import pyspark.cloudpickle

import delta_neo4j
from delta_neo4j.errors import LoaderError, TerminalError, spark_errors
from delta_neo4j.runs.error_translation import EXPECTED, as_loader_error
from delta_neo4j.runs.report.summary import RunReport
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from delta_neo4j.settings.values import TextSettings


def travel_by_value() -> None:
    """
    Pickle the package's functions and classes by value from now on; a second call changes nothing.

    Workers, and the process that runs `foreachBatch` on Spark Connect, cannot import the package.
    """
    pyspark.cloudpickle.register_pickle_by_value(delta_neo4j)  # type: ignore[no-untyped-call]


def reported(
    spark: SparkSession,
    settings: TextSettings,
    work: Callable[[State, RunReport], None],
    *,
    command: str,
    startup_seconds: float = 0.0,
) -> RunReport:
    """
    Run `work`, store its report in the table `runs`, and return the report.

    An expected failure goes into `error`; any other exception of `work` is raised. `startup_seconds` (the start of
    Spark) count into the total. A run that failed before it began a table is not stored.
    """
    travel_by_value()
    report = RunReport(run_id=uuid.uuid4().hex[:12], started_at=dt.datetime.now(dt.UTC), command=command)
    began = time.monotonic()
    state = State(settings.state)
    try:
        work(state, report)
    except EXPECTED as error:
        report.fail(_failure(error, report))
    report.seconds["startup"] = startup_seconds
    report.seconds["total"] = startup_seconds + time.monotonic() - began
    report.ended_at = dt.datetime.now(dt.UTC)
    if report.tables:  # preflight must leave no trace, so its failures are not stored
        _store(spark, settings, state, report)
    return report


def _failure(error: Exception, report: RunReport) -> LoaderError:
    failure = as_loader_error(error)
    batches = sum(table.batches for table in report.tables)
    if isinstance(failure, TerminalError) and batches:
        # The user must act all the same; the line says that something was written before.
        begun = type(failure)(f"{failure} (before that, this run recorded {batches} micro-batches, which stay)")
        begun.__cause__ = failure
        return begun
    return failure


def _store(spark: SparkSession, settings: TextSettings, state: State, report: RunReport) -> None:
    moments = (report.started_at, report.ended_at)
    row = (report.run_id, report.status, json.dumps(report.summary()), settings.model_dump_json(), *moments)
    try:
        state.append_rows(spark, "runs", [row])
    except spark_errors() as error:
        report.fail(report.error or as_loader_error(error))  # the first failure is what the user must read
