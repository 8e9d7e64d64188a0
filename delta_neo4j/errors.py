"""
Everything the loader raises on purpose: one tree, two natures, one exit code each.

An exception class does not survive a Spark task or a Connect `foreachBatch`; its text does. `travelling`
puts the kind and the sentence into that text at the far side, `recovered` reads them back at the near one.
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
    """A failure with one sentence for the user: what happened, where, what to do; `details` are figures beside it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, details: dict[str, int | float] | None = None) -> None:
        super().__init__(message)
        self.details = details or {}


class TransientError(LoaderError):
    """A service failed; running again resumes."""

    exit_code = 3


class TerminalError(LoaderError):
    """Running again cannot help until somebody changes something."""

    exit_code = 2


class SettingsError(TerminalError):
    """A setting is missing or not usable."""


class MappingError(TerminalError):
    """The mapping file is not sound, or does not fit the table."""


class PreflightError(TerminalError):
    """Something the run needs is not there; nothing was written."""


class ModelIdentityError(TerminalError):
    """The endpoint answers with another model than the one the state holds vectors of."""


class GraphUnavailableError(TransientError):
    """Neo4j did not answer for longer than the retries last."""


class EndpointUnavailableError(TransientError):
    """The embedding endpoint did not answer for longer than the retries last."""


class BalanceError(LoaderError):
    """The sums differ: a row, a text or a relationship has no outcome, or two."""

    exit_code = 4


class DeadLetterGateError(LoaderError):
    """Too many rows of a micro-batch were refused to believe that the data is at fault."""

    exit_code = 5


class BudgetReachedError(LoaderError):
    """The run stopped before it spent more than it may; nothing is wrong."""

    exit_code = 6


class NotOfferedError(TerminalError):
    """This way of embedding does not exist here; another may."""


class CheckpointHeldError(LoaderError):
    """Another run works on the same checkpoint."""

    exit_code = 8


class FarSideError(RuntimeError):
    """A loader error in transit; its text carries the original."""


_MARK = re.compile(r"<<delta-neo4j:([A-Za-z0-9_=-]+)>>")


@contextmanager
def travelling() -> Iterator[None]:
    """Let a loader error cross a process boundary: it is raised again as text that `recovered` reads."""
    try:
        yield
    except LoaderError as error:
        parcel = json.dumps({"kind": type(error).__name__, "message": str(error), "details": error.details}).encode()
        raise FarSideError(f"{error} <<delta-neo4j:{base64.urlsafe_b64encode(parcel).decode()}>>") from error


def recovered(text: str) -> LoaderError | None:
    """Give the loader error that a foreign exception's text carries, or None."""
    found = _MARK.search(text)
    if found is None:
        return None
    parcel = json.loads(base64.urlsafe_b64decode(found.group(1)))
    return _kinds()[parcel["kind"]](parcel["message"], parcel["details"])


def _kinds() -> dict[str, type[LoaderError]]:
    kinds: dict[str, type[LoaderError]] = {"LoaderError": LoaderError}
    waiting: list[type[LoaderError]] = [LoaderError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            kinds[kind.__name__] = kind
            waiting.append(kind)
    return kinds
