"""The package's log events as plain lines on standard error."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from delta_neo4j.runs.report.progress import fields

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def plain_handler() -> logging.Handler:
    """Return a handler that writes events as plain lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines())
    return handler


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Show the package's warnings as plain lines during a `with` block, for commands that show no progress."""
    logger, handler = logging.getLogger("delta_neo4j"), plain_handler()
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
