"""Translate errors of Spark and Delta into one-line loader errors, with the original error as their cause."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.errors import StreamingQueryException

from delta_neo4j.errors import FarSideError, LoaderError, PreflightError, SettingsError, recovered, spark_errors
from delta_neo4j.runs import stream_errors
from delta_neo4j.source import grants

if TYPE_CHECKING:
    from collections.abc import Iterator


# The exceptions that a run reports; any other exception is a bug and is raised. `FarSideError` is one of them, because
# a step without a stream raises it directly, not inside an error of Spark.
EXPECTED: tuple[type[Exception], ...] = (LoaderError, FarSideError, *spark_errors())


@contextmanager
def translating_spark_errors() -> Iterator[None]:
    """Re-raise a Spark error of the block as a one-line `LoaderError`."""
    try:
        yield
    except spark_errors() as error:
        raise as_loader_error(error) from error


def as_loader_error(error: Exception) -> LoaderError:
    """Return a `LoaderError` unchanged; translate any other error into one, with `error` as its `__cause__`."""
    if isinstance(error, LoaderError):
        return error
    translated = _translated(error, str(error))
    translated.__cause__ = error
    return translated


# What Python prints of an error inside a micro-batch: its last line has the class of the innermost error.
_INNERMOST = re.compile(r"^[\w.]*(?:Error|Exception)\b:? .*", re.MULTILINE)


def _telling(text: str) -> str:
    """Return the line of the innermost Python error if the text has a Python trace, otherwise the text."""
    lines = _INNERMOST.findall(text) if "Traceback (most recent call last)" in text else []
    return str(lines[-1]) if lines else text


_UNCREATABLE = re.compile(
    r"(?:\[DELTA_CANNOT_CREATE_LOG_PATH\] Cannot create|Parent path is not a directory:|Mkdirs failed to create) (\S+)"
)


def _translated(error: Exception, text: str) -> LoaderError:
    sent = recovered(text)
    if sent is not None:
        return sent
    row = stream_errors.known(text)
    if row is not None:
        return row.kind(stream_errors.told(row, text))
    missing = grants.refused(text)
    if missing is not None:
        return PreflightError(grants.lines(missing))
    blocked = _UNCREATABLE.search(text)
    if blocked is not None:
        return SettingsError(
            f"Spark cannot create {blocked[1]}: a file is in its way, or you may not write there; name another folder "
            "with --state or --checkpoint"
        )
    first = " ".join(_telling(text).split())[:400]
    if isinstance(error, StreamingQueryException):
        return LoaderError(
            f"the stream failed for a reason that is not known here: {first}; what was written is kept. Find "
            "out whether the cause passes before you run again; --debug shows the trace"
        )
    return LoaderError(f"Spark failed: {first}; --debug shows the trace")
