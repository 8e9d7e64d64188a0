"""Run a command: settings, Spark session, progress, work, summary; the summary is printed after a failure too."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import time
import traceback
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rich.console import Console

from delta_neo4j.cli import session
from delta_neo4j.cli.stops import STOPS
from delta_neo4j.cli.unexpected_errors import as_loader_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from delta_neo4j.runs.report.summary import RunReport

    # Takes the Spark session and the seconds that its start took.
    Work = Callable[[SparkSession, float], RunReport]


def run(command: str, prepare: Callable[[], Work], *, as_json: bool, debug: bool) -> RunReport:
    """
    Call `prepare`, which reads the settings and returns the work; start Spark, do the work, and print the summary.

    Returns the report. Never raises: an exception becomes the report of a failed run.
    """
    from delta_neo4j.runs.report.summary import RunReport
    from delta_neo4j.runs.report.terminal import page

    console = Console(stderr=True, width=log_width(sys.stderr.isatty()))
    began = time.monotonic()
    try:
        work = prepare()
        with ExitStack() as stack:
            _show_progress(console, stack)
            with STOPS.after():  # an interrupted start would leave a JVM that nobody holds
                spark = session.spark_session()
            STOPS.install()
            report = work(spark, time.monotonic() - began)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the summary names any; --debug shows the trace
        report = RunReport(uuid.uuid4().hex[:12], dt.datetime.now(dt.UTC), command)
        report.fail(STOPS.error() or as_loader_error(error))
    if report.error and STOPS.received:  # an error of Spark, after the signal
        report.fail(STOPS.error() or report.error)
    console.print(page(report), soft_wrap=True)
    if report.error and debug:
        traceback.print_exception(report.error)
    if as_json:
        sys.stdout.write(json.dumps(report.summary()) + "\n")
        sys.stdout.flush()
    return report


def log_width(is_terminal: bool) -> int | None:
    """Return the width of a line: None (the terminal's own), or 160 for a file, for which rich would assume 80."""
    return None if is_terminal else 160


def _show_progress(console: Console, stack: ExitStack) -> None:
    from delta_neo4j.cli.plain_lines import plain_handler
    from delta_neo4j.cli.progress import LiveProgress

    logger = logging.getLogger("delta_neo4j")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = stack.enter_context(LiveProgress(console)) if console.is_terminal else plain_handler()
    logger.addHandler(handler)
    stack.callback(logger.removeHandler, handler)
