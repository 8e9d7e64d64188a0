"""
Progress from the loader's log events: a live line where a person looks on, plain lines where not.

Events are logging records with `extra` fields, because a log travels everywhere a callback does not.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from rich.console import Console

_STANDARD = set(vars(logging.makeLogRecord({})))


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Give what an event carries beyond a plain log record."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class PlainLines(logging.Formatter):
    """One line an event: time, name, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format an event."""
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        carried = " ".join(f"{key}={_short(value)}" for key, value in fields(record).items())
        return f"{moment} {record.getMessage()} {carried}".rstrip()


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, dict):
        return ",".join(f"{key}:{_short(item)}" for key, item in value.items())
    return str(value)


class LiveProgress(logging.Handler):
    """A progress bar over rows (of `embed`: texts), with texts embedded, cache hits and dead letters beside it."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("{task.fields[beside]}"),
            console=console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("preflight", total=None, rate="", beside="")
        self._done = 0  # rows of finished micro-batches, this run's and earlier ones'
        self._began = time.monotonic()
        self._start_rows = 0
        self._beside: dict[str, int] = {}  # of the run so far
        self._before: dict[str, int] = {}  # of its finished micro-batches
        self._texts = ""  # the table whose texts are embedded apart from a load

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing and leave nothing behind."""
        self._bar.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Move the bar."""
        known = fields(record)
        match record.getMessage():
            case "table.begun":
                self._done = self._start_rows = known["rows_done"]
                self._began = time.monotonic()
                self._bar.update(
                    self._task, description=known["table"], total=known["rows_total"], completed=self._done
                )
            case "slice.written":
                rows = sum(known[name] for name in ("written", "unchanged", "superseded", "dead_lettered"))
                self._move(self._done + rows, known["dead_lettered"])
            case "batch.loaded":
                self._done += known["rows"]
                self._move(self._done)
                self._before = dict(self._beside)
            case "texts.begun":
                self._texts = known["table"]
                self._before = dict(self._beside)
            case "texts.found":
                self._note("cache hits", known["cache_hits"])
                if self._texts:  # `embed` counts texts where a load counts rows
                    self._done = known["cache_hits"]
                    self._bar.update(self._task, description=self._texts, total=known["texts"], completed=self._done)
            case "texts.embedded":
                self._note("embedded", known["embedded"])
                if self._texts:
                    self._bar.update(self._task, completed=self._done + known["embedded"])
            case "endpoint.waiting":
                self._bar.update(
                    self._task, beside=f"waiting for the endpoint ({known['reason']}, {known['seconds_left']} s left)"
                )
            case _:
                pass

    def _move(self, rows: int, dead: int = 0) -> None:
        rate = (rows - self._start_rows) / max(time.monotonic() - self._began, 0.1)
        self._bar.update(self._task, completed=rows, rate=f"{rate:,.0f} rows/s")
        if dead:
            self._note("dead letters", dead)

    def _note(self, what: str, count: int) -> None:
        self._beside[what] = self._before.get(what, 0) + count
        self._bar.update(self._task, beside=" · ".join(f"{n:,} {name}" for name, n in self._beside.items()))
