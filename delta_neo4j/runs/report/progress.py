"""
The progress of a run: what is done, at which rate, how long the rest takes, texts and faults; and one line of it.

The figures come from the package's log events, records with `extra` fields. A callback would not reach the processes
that Spark starts; a log does.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delta_neo4j.state.account import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

_STANDARD = set(vars(logging.makeLogRecord({})))
_EVERY_SECONDS = 0.5  # between two lines in a notebook
_CLASSES = 4  # classes of faults that a line names


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of an event: the `extra` fields of its log record."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


@dataclass
class Progress:
    """The figures of a run so far; `embed` counts texts, a load counts rows."""

    table: str = "preflight"
    unit: str = "rows"
    done: int = 0
    total: int | None = None
    waiting: str = ""  # why the run waits for the endpoint
    faults: dict[str, int] = field(default_factory=dict)  # dead letters by reason class
    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _at_start: int = 0
    _recorded: int = 0  # rows of finished micro-batches, of this run and earlier runs
    _texts: dict[str, int] = field(default_factory=dict)  # of the run so far
    _finished: dict[str, int] = field(default_factory=dict)  # the same, of its finished micro-batches only

    def take(self, record: logging.LogRecord) -> bool:
        """Move by one event; return whether it changed a figure."""
        event, name = fields(record), record.getMessage()
        step = getattr(self, f"_{name.replace('.', '_')}", None)
        if step is None:
            return False
        if name != "endpoint.waiting":
            self.waiting = ""
        step(event)
        return True

    @property
    def rate(self) -> float:
        """Rows or texts a second, since the table began."""
        return (self.done - self._at_start) / max(self.clock() - self._began, 0.1)

    @property
    def left(self) -> str:
        """The time that the rest takes at this rate, as in 4:05; empty if it is not known yet."""
        if self.total is None or not self.done > self._at_start:
            return ""
        minutes, seconds = divmod(round(max(0, self.total - self.done) / self.rate), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left"

    @property
    def speed(self) -> str:
        """The rate in words; empty if nothing is done yet."""
        return f"{self.rate:,.0f} {self.unit}/s" if self.done > self._at_start else ""

    @property
    def beside(self) -> str:
        """Texts and faults in words, or what the run waits for."""
        if self.waiting:
            return self.waiting
        parts = [f"{count:,} {name}" for name, count in self._texts.items()]
        if self.faults:
            named = sorted(self.faults.items(), key=lambda each: -each[1])
            classes = ", ".join(f"{count:,} {name}" for name, count in named[:_CLASSES])
            more = ", …" if len(named) > _CLASSES else ""
            parts.append(f"{sum(self.faults.values()):,} dead letters ({classes}{more})")
        return " · ".join(parts)

    @property
    def line(self) -> str:
        """Everything in one line."""
        of = "" if self.total is None else f" of {self.total:,}"
        counted = f"{self.table}: {self.done:,}{of} {self.unit}" if self.total is not None else self.table
        return " · ".join(filter(None, [counted, self.speed, self.left, self.beside]))

    def _start(self, done: int, total: int | None) -> None:
        self.done, self.total, self._at_start, self._began = done, total, done, self.clock()

    def _table_begun(self, event: dict[str, Any]) -> None:
        self.table, self._recorded = event["table"], event["rows_done"]
        self._start(self._recorded, event["rows_total"])

    def _slice_written(self, event: dict[str, Any]) -> None:
        self.done = self._recorded + sum(event.get(name, 0) for name in OUTCOMES)

    def _batch_loaded(self, event: dict[str, Any]) -> None:
        self._recorded += event["rows"]
        self.done, self._finished = self._recorded, dict(self._texts)

    def _texts_begun(self, event: dict[str, Any]) -> None:
        self.table, self.unit, self._finished = event["table"], "texts", dict(self._texts)

    def _texts_found(self, event: dict[str, Any]) -> None:
        self._note("cache hits", event["cache_hits"])
        if self.unit == "texts":
            self._start(event["cache_hits"], event["texts"])

    def _texts_embedded(self, event: dict[str, Any]) -> None:
        self._note("embedded", event["embedded"])
        if self.unit == "texts":
            self.done = self._at_start + event["embedded"]

    def _rows_dead_lettered(self, event: dict[str, Any]) -> None:
        for name, count in event["classes"].items():
            self.faults[name] = self.faults.get(name, 0) + count

    def _endpoint_waiting(self, event: dict[str, Any]) -> None:
        self.waiting = f"waiting for the endpoint ({event['reason']}, {event['seconds_left']} s left)"

    def _note(self, what: str, count: int) -> None:
        self._texts[what] = self._finished.get(what, 0) + count


class OneLine(logging.Handler):
    """Writes the progress as one line that overwrites itself, which notebooks show too."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(logging.INFO)
        self._stream, self._progress = stream, Progress()
        self._written, self._shown, self._width = 0.0, "", 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event; write the line unless one was written a moment ago."""
        if self._progress.take(record) and time.monotonic() - self._written >= _EVERY_SECONDS:
            self._write()

    def end(self) -> None:
        """Write the last figures and end the line."""
        self._write()
        self._stream.write("\n")
        self._stream.flush()

    def _write(self) -> None:
        line = self._progress.line
        self._stream.write(f"\r{line.ljust(self._width)}")
        self._stream.flush()
        self._written, self._width = time.monotonic(), len(line)


@contextmanager
def one_line(stream: TextIO) -> Iterator[None]:
    """Show the progress of a run in a `with` block as one line on `stream`."""
    logger, handler = logging.getLogger("delta_neo4j"), OneLine(stream)
    before = (logger.level, logger.propagate)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
        handler.end()


@contextmanager
def in_notebook() -> Iterator[None]:
    """Show the progress of a `with` block if it runs in a notebook where nobody listens to the package's log yet."""
    if _is_notebook() and not logging.getLogger("delta_neo4j").handlers:
        with one_line(sys.stdout):
            yield
    else:
        yield


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell else None
    return getattr(running, "kernel", None) is not None
