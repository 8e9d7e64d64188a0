"""
Ctrl-C and SIGTERM: a command ends with one line and its exit code, and leaves no process behind.

PySpark has a SIGINT handler of its own, and an interrupt inside its calls to the JVM comes out as errors of many kinds.
So the signal is remembered here, and whatever is raised after it counts as the stop.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import StoppedError, TerminatedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_END_SECONDS = 10.0  # for Spark's JVM to end by itself


class Stops:
    """The stop signal of this process, if one has come; one command runs in it at a time."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._waiting = False

    def install(self) -> None:
        """Receive SIGINT and SIGTERM from now on: again after Spark has started, which installs its own handler."""
        # Only the main thread may; on Databricks the driver's own handlers cancel the command.
        if threading.current_thread() is threading.main_thread() and "DATABRICKS_RUNTIME_VERSION" not in os.environ:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._receive)
            # Py4J logs a traceback for each call that the signal interrupts: in its own logger and in the root logger.
            for name in (None, "py4j.clientserver"):
                logging.getLogger(name).addFilter(self._is_running)

    def _is_running(self, _: logging.LogRecord) -> bool:
        return self.received is None

    def _receive(self, number: int, _: Any) -> None:
        is_second = self.received is not None
        self.received = self.received or number
        if is_second or not self._waiting:
            raise KeyboardInterrupt

    @contextmanager
    def after(self) -> Iterator[None]:
        """Stop only at the end of the block; a second signal stops inside it."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False
        if self.received is not None:
            raise KeyboardInterrupt

    def error(self) -> StoppedError | None:
        """Return the error that the signal stands for, None if no signal has come."""
        if self.received is None:
            return None
        how, kind = ("Ctrl-C", StoppedError) if self.received == signal.SIGINT else ("SIGTERM", TerminatedError)
        return kind(f"stopped by {how}: what is written and embedded so far is kept; run again to resume")


STOPS = Stops()


def end_process(code: int) -> None:
    """End Spark's JVM, if this process started one, and then this process, without waiting for its threads."""
    # A thread may wait minutes for an answer, and PySpark's exit handlers for a JVM that is gone.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    process = _jvm()
    if process is not None:
        # PySpark's threads print a traceback when the JVM ends under them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    os._exit(code)


def _jvm() -> subprocess.Popen[bytes] | None:
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext

    process: subprocess.Popen[bytes] | None = getattr(getattr(SparkContext, "_gateway", None), "proc", None)
    return process
