"""Turn an exception that nobody expected into one line that names its class, its message and --debug."""

from __future__ import annotations

from delta_neo4j.errors import LoaderError


def as_loader_error(error: BaseException) -> LoaderError:
    """Return a `LoaderError` as it is, and any other exception as one with its class and message in one line."""
    if isinstance(error, LoaderError):
        return error
    message = " ".join(str(error).split())[:400]
    unexpected = LoaderError(f"unexpected: {type(error).__name__}: {message}; --debug shows the trace")
    unexpected.__cause__ = error
    return unexpected
