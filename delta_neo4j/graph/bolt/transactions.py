"""
Write transactions against Neo4j, one at a time, and the meaning of their failures.

A failure that passes by itself (a deadlock, a leader switch, a restart) is retried for minutes. If a row is at fault,
or the transaction is too large for the server, the error is `RefusedError` or `TooLargeError`, and the caller writes
the rows in halves. Every other failure stops the run.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j import __version__
from delta_neo4j.errors import GraphUnavailableError, SettingsError
from delta_neo4j.graph.bolt import failures
from delta_neo4j.graph.bolt.retries import patiently
from delta_neo4j.graph.cypher.probes import ANSWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from delta_neo4j.settings.connection import Connection

USER_AGENT = f"delta-neo4j/{__version__}"
ACQUISITION_SECONDS = 20.0
# A value that the driver cannot pack raises one of the last three.
_ERRORS = (DriverError, Neo4jError, ValueError, TypeError, OverflowError)


class RefusedError(Exception):
    """The server or the driver refused these rows; at least one of them is at fault."""

    def __init__(self, reason_class: str, reason: str) -> None:
        super().__init__(reason)
        self.reason_class, self.reason = reason_class, reason


class TooLargeError(RefusedError):
    """
    The transaction is beyond a limit of the server; one with fewer rows may fit. The reason names the server's setting.

    `shared`: all transactions share the limit, so even a transaction of one row can fit later.
    """

    def __init__(self, reason_class: str, reason: str, *, shared: bool = False) -> None:
        super().__init__(reason_class, reason)
        self.shared = shared


@dataclass
class Effort:
    """The number of committed transactions, of their retries, of the deadlocks among these, and of created nodes."""

    transactions: int = 0
    retries: int = 0
    deadlocks: int = 0
    nodes_created: int = 0


@dataclass
class WriteSession:
    """
    A session in which one thread writes, a transaction at a time; `effort` counts what the transactions cost.

    `seconds`: the time of the committed transactions; `round_trip`: that to the server and back, None until it is
    measured.
    """

    session: neo4j.Session
    metadata: dict[str, Any]
    retry_seconds: float
    effort: Effort = field(default_factory=Effort)
    uri: str = ""
    seconds: float = 0.0
    round_trip: float | None = None

    def run(self, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """
        Run a write statement in one transaction and return its records.

        It may run more than once, so it must be idempotent. Raises `RefusedError`, `TooLargeError`,
        `GraphUnavailableError` or `SettingsError`.
        """

        @neo4j.unit_of_work(metadata=self.metadata)
        def work(transaction: neo4j.ManagedTransaction) -> tuple[list[dict[str, Any]], neo4j.ResultSummary, float]:
            began, result = time.monotonic(), transaction.run(statement, parameters)
            return result.data(), result.consume(), began

        try:
            records, summary, began = patiently(
                partial(self.session.execute_write, work), self._is_repeated, self.retry_seconds
            )
        except _ERRORS as error:
            raise self._sorted(error) from error
        self.effort.transactions += 1
        self.effort.nodes_created += summary.counters.nodes_created
        self.seconds += time.monotonic() - began
        return records

    def measure(self) -> None:
        """Measure `round_trip`, the shorter of two; 0 if nothing answers: the write that follows says why."""
        self.round_trip, trips = 0.0, []
        with suppress(*_ERRORS):
            for _ in range(2):
                began = time.monotonic()
                self.session.run(ANSWER).consume()
                trips.append(time.monotonic() - began)
            self.round_trip = min(trips)

    def bookmarks(self) -> list[str]:
        """Return the bookmarks of the last transaction: a later session that waits for them sees its writes."""
        return last_bookmarks(self.session)

    def _is_repeated(self, error: BaseException) -> bool:
        """Return whether to send the transaction again after `error`; count the attempt."""
        passes, answer = failures.of(error, self.uri).meaning == "passes", failures.answer(error)
        self.effort.retries += passes
        self.effort.deadlocks += bool(answer and answer.code.endswith("DeadlockDetected"))
        return passes

    def _sorted(self, error: Exception) -> Exception:
        failure, said, answer = failures.of(error, self.uri), failures.said(error), failures.answer(error)
        code = answer.code.removeprefix("Neo.") if answer else type(error).__name__
        match failure.meaning:
            case "rows":
                return RefusedError(code, said)
            case "too large" | "crowded":
                return TooLargeError(code, f"{said.rstrip('. ')}; {failure.remedy}", shared=failure.passes)
            case "settings":
                return SettingsError(f"Neo4j refused a write: {said}" + (failure.remedy and f"; {failure.remedy}"))
            case "passes":
                return GraphUnavailableError(
                    f"Neo4j committed no transaction for {self.retry_seconds:.0f} s: {said}; "
                    f"{failure.remedy or 'check that it runs'}, then run again: what is written stays written"
                )
            case _:
                return GraphUnavailableError(f"Neo4j failed: {said}; {failure.remedy}, then run again")


def last_bookmarks(session: neo4j.Session) -> list[str]:
    """Return the bookmarks of a session's last transaction, as plain texts."""
    return sorted(session.last_bookmarks().raw_values)


def smallest(send: Callable[[], Any], retry_seconds: float) -> Any:
    """
    Return what `send` returns, for a transaction of one row or node: it waits while others use what it needs.

    Raises `TooLargeError` if it is beyond a limit of its own, `GraphUnavailableError` if the others do not end.
    """
    try:
        return patiently(send, lambda error: isinstance(error, TooLargeError) and error.shared, retry_seconds)
    except TooLargeError as error:
        if error.shared:
            raise GraphUnavailableError(
                f"Neo4j did not take a transaction of one row for {retry_seconds:.0f} s: {error.reason}"
            ) from error
    return send()  # a server that has just started may have spent its time limit on the plan of the statement


@contextmanager
def open_writing(
    connection: Connection, metadata: dict[str, Any], bookmarks: Iterable[str] = ()
) -> Iterator[WriteSession]:
    """Open a driver and a session for writing, for a `with` block; the parameters are those of `sessions`."""
    with sessions(connection, metadata, bookmarks) as open_session:
        yield open_session()


@contextmanager
def sessions(
    connection: Connection, metadata: dict[str, Any], bookmarks: Iterable[str] = ()
) -> Iterator[Callable[[], WriteSession]]:
    """
    Open a driver for a `with` block, and return a function that opens a session for writing.

    The sessions see the writes of the transactions behind `bookmarks`. Neo4j's list of transactions shows `metadata`.
    """
    awaited = neo4j.Bookmarks.from_raw_values(bookmarks)
    with ExitStack() as stack:
        # `patiently` retries: the driver would repeat a transaction that is too large.
        driver = stack.enter_context(open_driver(connection, retry_seconds=0))

        def open_session() -> WriteSession:
            session = stack.enter_context(driver.session(database=connection.database, bookmarks=awaited))
            return WriteSession(session, metadata, connection.retry_seconds, uri=connection.uri)

        yield open_session


def open_driver(
    connection: Connection, acquisition_seconds: float = ACQUISITION_SECONDS, retry_seconds: float | None = None
) -> neo4j.Driver:
    """
    Open a driver; the caller closes it.

    `acquisition_seconds` is how long a session waits for a connection, `retry_seconds` how long the driver itself
    retries a managed transaction (default: as the connection says).
    """
    retried = connection.retry_seconds if retry_seconds is None else retry_seconds
    return neo4j.GraphDatabase.driver(
        connection.uri,
        max_transaction_retry_time=retried,
        connection_acquisition_timeout=acquisition_seconds,
        **driver_options(connection),
    )


def driver_options(connection: Connection) -> dict[str, Any]:
    """Return the options that every driver of the loader has."""
    # The driver's own log has host names and, after a failure, parameters; the loader reports failures itself.
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    return {
        "auth": (connection.username, connection.password),
        "user_agent": USER_AGENT,
        "connection_timeout": 10,
        "notifications_min_severity": "OFF",
        "telemetry_disabled": True,
    }
