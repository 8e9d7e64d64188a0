"""One run of a command: timed, its failure sorted, its report kept in the state's `runs`."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.errors import StreamingQueryException

from delta_neo4j import grants
from delta_neo4j.errors import (
    CheckpointHeldError,
    FarSideError,
    LoaderError,
    PreflightError,
    TerminalError,
    TransientError,
    recovered,
)
from delta_neo4j.report import RunReport
from delta_neo4j.spark_errors import SPARK_ERRORS
from delta_neo4j.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    from delta_neo4j.settings import TextSettings


# Without a stream a step's error does not travel through Spark, but it comes packed for the way all the same.
KNOWN: tuple[type[Exception], ...] = (LoaderError, FarSideError, *SPARK_ERRORS)


def reported(
    spark: SparkSession,
    settings: TextSettings,
    work: Callable[[State, RunReport], None],
    *,
    command: str,
    startup_seconds: float = 0.0,
) -> RunReport:
    """Do a run's work and keep its report: told, timed (its start-up included), appended to `runs`, failed or not."""
    report = RunReport(run_id=uuid.uuid4().hex[:12], started_at=dt.datetime.now(dt.UTC), command=command)
    began = time.monotonic()
    state = State(settings.state)
    try:
        work(state, report)
    except KNOWN as error:
        told = as_loader_error(error)
        if isinstance(told, TerminalError) and (report.total.rows_read or report.total.embedding["texts_embedded"]):
            told = TransientError(str(told))  # exit code 2 says that nothing was done; this is written, or paid for
        report.fail(told)
    report.seconds["startup"] = startup_seconds
    report.seconds["total"] = startup_seconds + time.monotonic() - began
    report.ended_at = dt.datetime.now(dt.UTC)
    if report.tables:  # a run that wrote nothing leaves nothing
        _keep(spark, settings, state, report)
    return report


def _keep(spark: SparkSession, settings: TextSettings, state: State, report: RunReport) -> None:
    moments = (report.started_at, report.ended_at)
    row = (report.run_id, report.status, json.dumps(report.summary()), settings.model_dump_json(), *moments)
    try:
        state.append_rows(spark, "runs", [row])
    except SPARK_ERRORS as error:
        report.fail(report.error or as_loader_error(error))  # what went wrong first is what the user must read


@contextmanager
def told() -> Iterator[None]:
    """Let an error of Spark end as one line, like our own."""
    try:
        yield
    except SPARK_ERRORS as error:
        raise as_loader_error(error) from error


def as_loader_error(error: Exception) -> LoaderError:
    """Give what an error of Spark, or one of ours that crossed it, means to the user."""
    if isinstance(error, LoaderError):
        return error
    text = str(error)
    told = recovered(text)
    if told is not None:
        # Exit code 2 says that nothing was written; once a stream has begun that is no longer so.
        return TransientError(str(told)) if isinstance(told, TerminalError) else told
    if "CONCURRENT_STREAM_LOG_UPDATE" in text or "CONCURRENT_QUERY" in text:
        return CheckpointHeldError("another run works on this checkpoint; wait for it to end, then run again")
    return _of_source(text) or _unsorted(error, text)


def _of_source(text: str) -> LoaderError | None:
    """Give what became of the source table while or before it was read, where that is what stopped the stream."""
    if "DELTA_SOURCE_TABLE_IGNORE_CHANGES" in text or "DELTA_SOURCE_IGNORE_DELETE" in text:
        return PreflightError(
            "the source table was updated, deleted from or overwritten, which an append stream cannot follow; "
            "start fresh with --reset-checkpoint (only what differs is written)"
        )
    if "DELTA_STREAMING_INCOMPATIBLE_SCHEMA_CHANGE" in text:
        return PreflightError(
            "a column of the source table was renamed, dropped or retyped, which a stream cannot follow; "
            "start fresh with --reset-checkpoint (only what differs is written)"
        )
    if "DELTA_SCHEMA_CHANGED" in text:
        return TransientError("the source table's columns changed while it was read; run again, it reads on with them")
    return None


def _unsorted(error: Exception, text: str) -> LoaderError:
    missing = grants.refused(text)
    if missing is not None:
        return PreflightError(grants.lines(missing))
    first = " ".join(text.split())[:400]
    if isinstance(error, StreamingQueryException):
        return TransientError(f"the stream failed: {first}; run again to resume, --debug shows the trace")
    return LoaderError(f"Spark failed: {first}; --debug shows the trace")
