"""Show the progress of a run on a terminal: a live bar, from the package's log events."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

from delta_neo4j.runs.report.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console


class LiveProgress(logging.Handler):
    """Draws a bar over rows (for `embed`: texts), with rate, time left, texts, cache hits and dead letters by class."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._bar = Bar(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"), TextColumn("{task.fields[left]}"), TextColumn("{task.fields[beside]}"),
            console=console, transient=True,
        )  # fmt: skip
        self._progress = Progress()
        self._task = self._bar.add_task(self._progress.table, total=None, speed="", left="", beside="")

    def __enter__(self) -> Self:
        """Draw the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._bar.stop()

    def emit(self, record: logging.LogRecord) -> None:
        """Move the bar by one event."""
        told = self._progress
        if told.take(record):
            self._bar.update(
                self._task, description=told.table, completed=told.done, total=told.total, speed=told.speed,
                left=told.left, beside=told.beside,
            )  # fmt: skip
