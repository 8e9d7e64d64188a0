"""
Every exception that the loader raises on purpose, each with its exit code.

Spark passes on the text of an exception that a task or a Connect `foreachBatch` raised, but not its class. In the task
`travelling` writes class and message into that text; on the driver `recovered` reads them.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class LoaderError(Exception):
    """A failure: the message names what failed, why, and the next command; `details` has counts by name."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, details: dict[str, int | float] | None = None) -> None:
        super().__init__(message)
        self.details = details or {}


class TransientError(LoaderError):
    """A service failed; the next run resumes."""

    exit_code = 3


class TerminalError(LoaderError):
    """A failure that every run repeats until somebody changes the settings, the mapping or the environment."""

    exit_code = 2


class SettingsError(TerminalError):
    """A setting is missing or wrong."""


class MappingError(TerminalError):
    """The mapping file is wrong, or does not fit its table."""


class PreflightError(TerminalError):
    """Something that the run needs is missing; nothing was written."""


class SourceError(TerminalError):
    """The source, or the checkpoint that reads it, cannot go on as it is."""


class ModelIdentityError(TerminalError):
    """The endpoint serves another model than the one that made the vectors in the state."""


class GraphUnavailableError(TransientError):
    """Neo4j did not answer, although the loader retried as long as it may."""


class GraphRefusedError(TerminalError):
    """Neo4j refuses, for a limit of the server, what a run cannot go on without."""


class EndpointUnavailableError(TransientError):
    """The embedding endpoint did not answer, although the embedder retried as long as it may."""


class BalanceError(LoaderError):
    """The account does not balance: a row, text or relationship has no outcome, or two."""

    exit_code = 4


class PassesDifferError(BalanceError):
    """Two passes over the rows of a slice saw another number of them."""


class DeadLetterGateError(LoaderError):
    """A micro-batch has so many dead letters that the mapping or the source must be wrong."""

    exit_code = 5


class DeleteGuardError(LoaderError):
    """A run would delete so much that the source must be wrong; `details`: would_remove, of, limit."""

    exit_code = 5


class BudgetReachedError(LoaderError):
    """The run stopped at the limit of its budget; the next run resumes."""

    exit_code = 6


class RecallError(LoaderError):
    """Fewer keys of the golden questions came back than the file asks for."""

    exit_code = 7


class DifferencesError(LoaderError):
    """The graph and the table differ."""

    exit_code = 7


class NotOfferedError(TerminalError):
    """This embedder is not available here; `auto` tries the next one."""


class CheckpointHeldError(LoaderError):
    """Another run uses the same checkpoint."""

    exit_code = 8


class StoppedError(LoaderError):
    """Ctrl-C stopped the command."""

    exit_code = 130


class TerminatedError(StoppedError):
    """SIGTERM stopped the command."""

    exit_code = 143


class FarSideError(RuntimeError):
    """Carries a loader error out of a Spark task: its text holds class, message and details of that error."""


_MARK = re.compile(r"<<delta-neo4j:([A-Za-z0-9_=-]+)>>")


@contextmanager
def travelling() -> Iterator[None]:
    """Re-raise a loader error of the block as `FarSideError`; `recovered` reads the error from its text."""
    try:
        yield
    except LoaderError as error:
        payload = json.dumps({"kind": type(error).__name__, "message": str(error), "details": error.details}).encode()
        raise FarSideError(f"{error} <<delta-neo4j:{base64.urlsafe_b64encode(payload).decode()}>>") from error


def recovered(text: str) -> LoaderError | None:
    """Return the loader error that the text of an exception carries, or None."""
    mark = _MARK.search(text)
    if mark is None:
        return None
    payload = json.loads(base64.urlsafe_b64decode(mark.group(1)))
    return _kinds()[payload["kind"]](payload["message"], payload["details"])


def _kinds() -> dict[str, type[LoaderError]]:
    kinds: dict[str, type[LoaderError]] = {"LoaderError": LoaderError}
    waiting: list[type[LoaderError]] = [LoaderError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            kinds[kind.__name__] = kind
            waiting.append(kind)
    return kinds


def first_line(error: BaseException, longest: int | None = None) -> str:
    """Return the first line of an error's text, cut after `longest` characters; "no message" if the text is empty."""
    lines = str(error).strip().splitlines()
    return lines[0][:longest] if lines else "no message"


def spark_errors() -> tuple[type[Exception], ...]:
    """Return the exception classes that Spark raises, on classic Spark and through Connect; needs pyspark."""
    from pyspark.errors import PySparkException

    try:
        # Classic Spark raises it for a failed job; Spark Connect has no py4j.
        from py4j.protocol import Py4JJavaError
    except ImportError:
        return (PySparkException,)
    return (PySparkException, Py4JJavaError)
