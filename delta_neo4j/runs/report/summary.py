"""The report that a run fills while it works, and the summary of the report for programs (`docs/summary.md`)."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import BudgetReachedError, DeleteGuardError, StoppedError
from delta_neo4j.state.account import Account

if TYPE_CHECKING:
    import datetime as dt

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.errors import LoaderError
    from delta_neo4j.runs.prepare import Ready


@dataclass
class TableRun:
    """The part of a report for one table: how far the run read it, its account, its error."""

    name: str
    load_id: str | None  # None if the table could not begin
    source_mode: str
    source_version: int | None  # None if the source has no versions
    batches: int = 0
    error: str | None = None
    waiting_edges: int | None = None  # open at the end of the run; None if they were not counted
    unread_feed: bool = False  # whether the table has a change data feed that its load does not read
    account: Account = field(default_factory=Account)
    open_dead_letters: int = 0  # at the end of the run


@dataclass
class RunReport:
    """The report of one run: the accounts of its tables, its seconds, its error."""

    run_id: str
    started_at: dt.datetime
    command: str = "load"
    ended_at: dt.datetime | None = None
    tables: list[TableRun] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    error: LoaderError | None = None
    embedder: Embedder | None = None
    strategy: str | None = None
    reason: str | None = None  # why this strategy was chosen
    model_id: str | None = None
    writers: int | None = None  # parallel writers into Neo4j
    versions: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)  # by the monotonic clock
    mlflow: str | None = None  # where the run is in MLflow, or why it is not, in words

    def record_preflight(self, ready: Ready, spark_version: str) -> None:
        """Store the embedder, the model id and the versions."""
        self.reason = ready.embedder_reason
        self.embedder = ready.embedder
        self.strategy = ready.embedder.strategy if ready.embedder else "precomputed"
        self.model_id = ready.model_id
        self.writers = ready.writers
        self.versions = {
            "delta_neo4j": metadata.version("delta-neo4j") if _installed() else "source",
            "spark": spark_version,
            **({"neo4j": ready.server_version} if ready.server_version else {}),
            "neo4j_driver": metadata.version("neo4j"),
            "python": platform.python_version(),
        }

    def row_read(self, moment: float | None) -> None:
        """Store when a table's first row was read, by the monotonic clock; the first call with a moment counts."""
        if moment is not None:
            self.seconds.setdefault("first_row", moment - self.began)

    def fail(self, error: LoaderError) -> None:
        """
        Store the error that ended the run early.

        The figures of a `BudgetReachedError` belong to a micro-batch without a ledger row; they are added to the last
        table.
        """
        self.error = error
        if isinstance(error, BudgetReachedError) and self.tables:
            self.tables[-1].account.add(Account(embedding={term: int(n) for term, n in error.details.items()}))

    @property
    def total(self) -> Account:
        """The sum of the tables' accounts."""
        account = Account()
        for table in self.tables:
            account.add(table.account)
        return account

    @property
    def balanced(self) -> bool:
        """Whether every equation of every table holds, and the run ended without a failure (a spent budget is none)."""
        sound = self.error is None or isinstance(self.error, BudgetReachedError)
        return sound and not any(table.account.imbalances() for table in self.tables)

    @property
    def exit_code(self) -> int:
        """The exit code of the run's error, or 0."""
        return self.error.exit_code if self.error else 0

    @property
    def status(self) -> str:
        """`succeeded`, `stopped` (a budget was spent) or `failed`."""
        if self.error is None:
            return "succeeded"
        return "stopped" if isinstance(self.error, (BudgetReachedError, StoppedError)) else "failed"

    def summary(self) -> dict[str, Any]:
        """Return the summary as values for JSON, with the fields of `docs/summary.md`."""
        total = self.total
        return {
            "run_id": self.run_id,
            "status": self.status,
            "exit_code": self.exit_code,
            "error": str(self.error) if self.error else None,
            "balanced": self.balanced,
            "tables": [_table(table) for table in self.tables],
            "totals": _counts(total),
            "embedding": {
                "strategy": self.strategy,
                "model_id": self.model_id,
                **total.embedding,
                "call_texts": self.embedder.call_texts if self.embedder else None,
            },
            "writer": {"writers": self.writers, **total.writer},
            "seconds": self._seconds(total),
            "versions": self.versions,
            "guard": self.error.details if isinstance(self.error, DeleteGuardError) else None,
        }

    def _seconds(self, total: Account) -> dict[str, float]:
        staged = total.seconds
        seconds = {name: self.seconds.get(name, 0.0) for name in ("total", "startup", "preflight", "stream")}
        if "first_row" in self.seconds:
            seconds["first_row"] = self.seconds.get("startup", 0.0) + self.seconds["first_row"]
        seconds["embed"] = staged.get("embed", 0.0)
        seconds["write"] = staged.get("write", 0.0) + staged.get("relate", 0.0)
        return {name: round(value, 3) for name, value in seconds.items()}


def _installed() -> bool:
    try:
        metadata.version("delta-neo4j")
    except metadata.PackageNotFoundError:
        return False
    return True


def _table(table: TableRun) -> dict[str, Any]:
    fixed = {
        key: getattr(table, key) for key in ("name", "load_id", "source_mode", "source_version", "batches", "error")
    }
    ended = {"open_dead_letters": table.open_dead_letters, "waiting_edges": table.waiting_edges}
    more = {"changes": table.account.kinds, "swept": table.account.swept, **ended}
    return {**fixed, **_counts(table.account), **more}


def _counts(account: Account) -> dict[str, Any]:
    return {
        "rows_read": account.rows_read,
        "outcomes": account.outcomes,
        "without_text": account.without_text,
        "truncated": account.truncated,
        "relationships": account.relationships,
    }
