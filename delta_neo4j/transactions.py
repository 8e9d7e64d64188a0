"""
One managed transaction at a time against Neo4j, with its failures sorted at the door.

What passes by itself (deadlocks, leader switches, restarts) is retried for minutes; what is the rows' fault is
`RefusedError` and is halved by the caller; what is nobody's row's fault stops the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import neo4j
from neo4j.exceptions import AuthError, ClientError, DatabaseError, DriverError, IncompleteCommit, Neo4jError

from delta_neo4j.errors import GraphUnavailableError, SettingsError

if TYPE_CHECKING:
    from delta_neo4j.plan import Connection

USER_AGENT = "delta-neo4j/0.1.0"
_MEMORY = ("MemoryPoolOutOfMemoryError", "OutOfMemoryError", "StackOverFlowError", "TransactionOutOfMemory")
_NOT_THE_ROWS = (
    "Neo.ClientError.Security.",
    "Neo.ClientError.Database.",
    "Neo.ClientError.Cluster.",
    "Neo.ClientError.Transaction.",
    "Neo.ClientError.Statement.SyntaxError",
    "Neo.ClientError.Statement.AccessMode",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase",
)


class RefusedError(Exception):
    """The server or the driver will not take these rows; one of them is at fault."""

    def __init__(self, reason_class: str, reason: str) -> None:
        super().__init__(reason)
        self.reason_class, self.reason = reason_class, reason


class TooLargeError(Exception):
    """The transaction does not fit the server's memory; fewer rows do."""


@dataclass
class Effort:
    """What the transactions cost: committed, tried again, and of those for a deadlock."""

    transactions: int = 0
    retries: int = 0
    deadlocks: int = 0
    nodes_created: int = 0


@dataclass
class Writer:
    """A session in which one thread writes; `bookmarks` is what later readers must wait for."""

    session: neo4j.Session
    metadata: dict[str, Any]
    retry_seconds: float
    effort: Effort = field(default_factory=Effort)

    def run(self, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a write statement in one transaction and give its records; at least once, so it must be idempotent."""
        attempts = 0

        @neo4j.unit_of_work(metadata=self.metadata)
        def work(transaction: neo4j.ManagedTransaction) -> tuple[list[dict[str, Any]], int]:
            nonlocal attempts
            attempts += 1
            try:
                result = transaction.run(statement, parameters)
                return result.data(), result.consume().counters.nodes_created
            except Neo4jError as error:
                code = error.code or ""
                if code.endswith(_MEMORY):
                    raise TooLargeError(code) from error  # the driver would retry it in vain
                if code.endswith("DeadlockDetected"):
                    self.effort.deadlocks += 1
                raise

        records, created = self._sorted_failures(work)
        self.effort.transactions += 1
        self.effort.retries += attempts - 1
        self.effort.nodes_created += created
        return records

    def _sorted_failures(self, work: Any) -> tuple[list[dict[str, Any]], int]:
        try:
            try:
                return self.session.execute_write(work)  # type: ignore[no-any-return]
            except IncompleteCommit:
                # The connection broke while committing: nobody knows whether it did. The statement is
                # idempotent, so it is simply sent again.
                return self.session.execute_write(work)  # type: ignore[no-any-return]
        except (ClientError, DatabaseError) as error:
            raise _sorted(error) from error
        except (ValueError, TypeError, OverflowError) as error:
            if isinstance(error.__cause__, OSError):
                raise self._unavailable(error) from error  # so the driver says that a name was not resolved
            # The driver cannot pack a value: an integer beyond 64 bits, a lone surrogate.
            raise RefusedError(type(error).__name__, str(error)) from error
        except (DriverError, Neo4jError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> GraphUnavailableError:
        return GraphUnavailableError(
            f"Neo4j did not take a transaction for {self.retry_seconds:.0f} s: {one_line(error)}; "
            "see that it runs and run again, what is written stays written"
        )


def _sorted(error: Neo4jError) -> Exception:
    code = error.code or ""
    if isinstance(error, AuthError) or code.startswith(_NOT_THE_ROWS):
        return SettingsError(f"Neo4j refuses to be written: {one_line(error)}{_way_on(error)}")
    if isinstance(error, DatabaseError) and not code.startswith("Neo.DatabaseError.Statement."):
        return GraphUnavailableError(f"Neo4j failed: {one_line(error)}; see its log and run again")
    return RefusedError(code.removeprefix("Neo."), error.message or code)


def _way_on(error: Neo4jError) -> str:
    # Aura counts nodes and relationships; every further row would meet the same limit.
    full = "logical size limit" in (error.message or "")
    return "; the Aura tier is full: delete nodes, or move to a larger tier and run again" if full else ""


def one_line(error: BaseException) -> str:
    """Give an error's text without its line breaks."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:500]


def open_driver(connection: Connection, acquisition_seconds: float = 60.0) -> neo4j.Driver:
    """Open a driver for writing; the caller closes it."""
    # The driver's own log names hosts and, on failure, parameters; the loader says what matters itself.
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    return neo4j.GraphDatabase.driver(
        connection.uri,
        auth=(connection.username, connection.password),
        user_agent=USER_AGENT,
        max_transaction_retry_time=connection.retry_seconds,
        connection_timeout=10,
        connection_acquisition_timeout=acquisition_seconds,
        notifications_min_severity="OFF",
        telemetry_disabled=True,
    )
