"""
The driver's errors, as data: what each means, whether it passes by itself, and what helps.

Everything that is sent to Neo4j is sorted here. Sources: the class `Status` of Neo4j 5.26 and 2026.09, and
`exceptions.py` of the driver 6.4. The driver retries nothing for the loader: it would repeat a transaction that is too
large for minutes, because the server calls that error transient too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from neo4j.exceptions import (
    ClientError,
    ConfigurationError,
    ConnectionAcquisitionTimeoutError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    # rows: a row of the transaction, or the statement itself, is at fault. too large: the transaction is beyond a limit
    # that the server has for each transaction; a row that is beyond it alone is at fault. crowded: it is beyond a limit
    # that all transactions share; fewer rows may fit, and one row fits later. passes: it passes by itself. settings:
    # somebody must act. failed: the server failed, and its log has the cause.
    Meaning = Literal["rows", "too large", "crowded", "passes", "settings", "failed"]

_LATER = "or run again when the server has less to do"
_LEADER = "see that the cluster has a leader"
_READ_ONLY = "see that the database takes writes"


@dataclass(frozen=True)
class Failure:
    """Errors whose code begins with `code` and whose text has `words`: their meaning, and what helps."""

    code: str
    meaning: Meaning
    remedy: str = ""
    words: str = ""

    @property
    def passes(self) -> bool:
        """Whether the same statement can succeed later without anybody's help."""
        return self.meaning in ("passes", "crowded")


# The first that fits counts.
FAILURES = (
    # Aura limits the number of nodes and relationships: every further row would be refused.
    Failure(
        "Neo.", "settings", "the Aura tier is full: delete nodes, or move to a larger tier and run again",
        words="logical size limit",
    ),
    Failure(
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError", "too large", "raise db.memory.transaction.max",
        words="db.memory.transaction.max",
    ),
    Failure(
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError", "crowded",
        f"raise db.memory.transaction.total.max, {_LATER}", words=" db.memory.transaction.total.max",
    ),
    Failure(
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError", "crowded",
        f"raise dbms.memory.transaction.total.max, {_LATER}",
    ),
    Failure("Neo.TransientError.General.OutOfMemoryError", "crowded", f"raise server.memory.heap.max_size, {_LATER}"),
    Failure(
        "Neo.TransientError.General.TransactionMemoryLimit", "crowded",
        f"raise server.memory.off_heap.transaction_max_size, {_LATER}",
    ),
    Failure("Neo.TransientError.General.StackOverFlowError", "too large", "raise -Xss in server.jvm.additional"),
    Failure("Neo.ClientError.General.TransactionOutOfMemoryError", "too large", "raise db.memory.transaction.max"),
    # The server's own limit ends a transaction with …TimedOutClientConfiguration too.
    Failure("Neo.ClientError.Transaction.TransactionTimedOut", "too large", "raise db.transaction.timeout"),
    Failure("Neo.TransientError.Statement.ExecutionTimeout", "too large", "raise db.transaction.timeout"),
    # The time limit, if it ends a transaction that waits for a lock.
    Failure(
        "Neo.ClientError.Transaction.LockClientStopped", "crowded",
        "raise db.transaction.timeout, or run again when no other program writes the same nodes",
    ),
    Failure(
        "Neo.TransientError.Transaction.LockAcquisitionTimeout", "crowded",
        "raise db.lock.acquisition.timeout, or run again when no other program writes the same nodes",
    ),
    Failure("Neo.ClientError.Transaction.Terminated", "passes", "see who ends transactions"),
    Failure("Neo.ClientError.Transaction.TransactionValidationFailed", "rows"),
    Failure("Neo.ClientError.Transaction.TransactionNotFound", "passes"),
    Failure("Neo.ClientError.Transaction.TransactionMarkedAsFailed", "passes"),
    Failure("Neo.ClientError.Transaction.", "settings"),
    Failure("Neo.TransientError.General.DatabaseUnavailable", "passes", "see that the database is started"),
    Failure("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", "settings", _READ_ONLY),
    Failure("Neo.ClientError.General.WriteOnReadOnlyAccessDatabase", "settings", _READ_ONLY),
    Failure(
        "Neo.TransientError.Transaction.DeadlockDetected", "passes", "see that no other program writes the same nodes"
    ),
    Failure("Neo.ClientError.Cluster.", "passes", _LEADER),
    Failure("Neo.ClientError.Routing.", "passes"),
    # IF NOT EXISTS too ends with this if another run creates the same index meanwhile.
    Failure("Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", "passes"),
    Failure("Neo.ClientError.Security.AuthorizationExpired", "passes"),
    Failure(
        "Neo.ClientError.Security.AuthenticationRateLimit", "passes",
        "Neo4j takes no password of this user for some seconds (dbms.security.auth_lock_time): see that no program "
        "keeps trying a wrong one",
    ),
    Failure(
        "Neo.ClientError.Security.CredentialsExpired", "settings",
        "run ALTER CURRENT USER SET PASSWORD FROM 'OLD-PASSWORD' TO 'NEW-PASSWORD' on the database system "
        "(cypher-shell -d system, or the browser), then set NEO4J_PASSWORD",
    ),
    Failure("Neo.ClientError.Security.Unauthorized", "settings", "check NEO4J_USERNAME and NEO4J_PASSWORD"),
    Failure("Neo.ClientError.Security.", "settings"),
    Failure("Neo.ClientError.Database.", "settings", "check NEO4J_DATABASE"),
    Failure("Neo.ClientError.Statement.SyntaxError", "settings"),
    Failure("Neo.ClientError.Statement.AccessMode", "settings"),
    Failure("Neo.DatabaseError.Statement.", "rows"),
    Failure("Neo.DatabaseError.Schema.", "rows"),
)  # fmt: skip
_FAILED = Failure("", "failed", "read the server's log")
_LEADERS_ONLY = ("Neo.ClientError.Cluster.NotALeader", "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase")
_BROKEN = (ServiceUnavailable, SessionExpired, ConnectionAcquisitionTimeoutError)
_POOL = re.compile(r"extra ([\d.]+) (\w+) .*limit ([\d.]+) (\w+)\.")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def of(error: BaseException, uri: str = "") -> Failure:
    """Return what an error of the driver means; `uri` is the server's address."""
    told = answer(error)
    if told is None:
        return _without_code(error)
    code, text = told.code or "", one_line(told)
    if uri.startswith("bolt") and code in _LEADERS_ONLY:
        return Failure(
            code, "settings",
            f"the server is a follower or takes no writes, and an address with bolt leads to no other server: use "
            f"{uri.replace('bolt', 'neo4j', 1)}",
        )  # fmt: skip
    if code == _LEADERS_ONLY[1] and uri.startswith("neo4j"):
        return Failure(code, "passes", _READ_ONLY)  # another server of the cluster may take writes
    fitting = (row for row in FAILURES if code.startswith(row.code) and row.words in f" {text}")
    found = next(fitting, None) or _not_listed(told)
    if found.meaning == "crowded" and _never_fits(text):
        return Failure(code, "too large", found.remedy.partition(",")[0])
    return found


def _not_listed(error: Neo4jError) -> Failure:
    if error.is_retryable():
        return Failure("", "passes")
    return Failure("", "rows") if isinstance(error, ClientError) else _FAILED


def _without_code(error: BaseException) -> Failure:
    if isinstance(error, ConfigurationError):
        return Failure("", "settings")
    if isinstance(error, _BROKEN):
        # A commit whose connection broke may have succeeded; what the loader sends may be sent again.
        return Failure("", "passes", _LEADER if "'WRITE' server" in str(error) else "check that it runs")
    if isinstance(error, OSError) or isinstance(error.__cause__, OSError):
        return Failure("", "passes", "check that it runs")  # a ValueError too if the host's name cannot be resolved
    # The driver cannot pack a value: an integer beyond 64 bits, a lone surrogate.
    return _FAILED if isinstance(error, DriverError) else Failure("", "rows")


def _never_fits(text: str) -> bool:
    """Return whether one step of the transaction needs more memory than all transactions together may have."""
    found = _POOL.search(text)
    if found is None:
        return False
    extra, unit, limit, limit_unit = found.groups()
    return float(extra) * _UNITS.get(unit, 1) > float(limit) * _UNITS.get(limit_unit, 1)


def answer(error: BaseException) -> Neo4jError | None:
    """Return the server's answer, which the driver may hide behind an error of its own; None if there was none."""
    return next((each for each in chain(error) if isinstance(each, Neo4jError)), None)


def said(error: BaseException) -> str:
    """Return what the server, or else the driver, says of an error, in one line."""
    return one_line(answer(error) or error)


def unavailable(uri: str, error: BaseException, failure: Failure) -> str:
    """Return the line for a failure that passes by itself, or of the server, which did not end in time."""
    return f"Neo4j at {uri} is not available: {said(error)}; {failure.remedy or 'check that it runs'}, then run again"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, from the outermost to the first."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):  # an address with routing: one error per router
            for inner in error.exceptions:
                yield from chain(inner)
        error = error.__cause__ or error.__context__


def one_line(error: BaseException) -> str:
    """Return the first 500 characters of an error's text, on one line."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:500]
