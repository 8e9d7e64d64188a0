"""
Show the progress of a run from the package's log events: a live bar on a terminal, else plain lines.

An event is a log record with `extra` fields. A callback would not reach the processes that Spark starts; a log does.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from delta_neo4j.state.account import OUTCOMES

if TYPE_CHECKING:
    from rich.console import Console

_STANDARD = set(vars(logging.makeLogRecord({})))


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of an event: the `extra` fields of its log record."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class PlainLines(logging.Formatter):
    """Formats each event as one line: time, name, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event."""
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        pairs = " ".join(f"{key}={_short(value)}" for key, value in fields(record).items())
        return f"{moment} {record.getMessage()} {pairs}".rstrip()


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, dict):
        return ",".join(f"{key}:{_short(item)}" for key, item in value.items())
    return str(value)


class LiveProgress(logging.Handler):
    """Draws a bar over rows (for `embed`: texts), with the counts of embedded texts, cache hits and dead letters."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[beside]}"),
            console=console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("preflight", total=None, rate="", beside="")
        self._done = 0  # rows of finished micro-batches, of this run and earlier runs
        self._began = time.monotonic()
        self._start_rows = 0
        self._counts: dict[str, int] = {}  # texts and dead letters of the run so far
        self._finished: dict[str, int] = {}  # the same, of its finished micro-batches only
        self._texts = ""  # the table whose texts `embed` embeds; empty in a load

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._bar.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Move the bar by one event."""
        event = fields(record)
        match record.getMessage():
            case "table.begun":
                self._done = self._start_rows = event["rows_done"]
                self._began = time.monotonic()
                self._bar.update(
                    self._task, description=event["table"], total=event["rows_total"], completed=self._done
                )
            case "slice.written":
                rows = sum(event.get(name, 0) for name in OUTCOMES)
                self._move(self._done + rows, event["dead_lettered"])
            case "batch.loaded":
                self._done += event["rows"]
                self._move(self._done)
                self._finished = dict(self._counts)
            case "texts.begun":
                self._texts = event["table"]
                self._finished = dict(self._counts)
            case "texts.found":
                self._note("cache hits", event["cache_hits"])
                if self._texts:  # `embed` counts texts, a load counts rows
                    self._done = event["cache_hits"]
                    self._bar.update(self._task, description=self._texts, total=event["texts"], completed=self._done)
            case "texts.embedded":
                self._note("embedded", event["embedded"])
                if self._texts:
                    self._bar.update(self._task, completed=self._done + event["embedded"])
            case "endpoint.waiting":
                self._bar.update(
                    self._task, beside=f"waiting for the endpoint ({event['reason']}, {event['seconds_left']} s left)"
                )
            case _:
                pass

    def _move(self, rows: int, dead: int = 0) -> None:
        rate = (rows - self._start_rows) / max(time.monotonic() - self._began, 0.1)
        self._bar.update(self._task, completed=rows, rate=f"{rate:,.0f} rows/s")
        if dead:
            self._note("dead letters", dead)

    def _note(self, what: str, count: int) -> None:
        self._counts[what] = self._finished.get(what, 0) + count
        self._bar.update(self._task, beside=" · ".join(f"{n:,} {name}" for name, n in self._counts.items()))
