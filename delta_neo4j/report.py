"""What a run shows: the summary as JSON for programs, and as a page for people."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import BudgetReachedError
from delta_neo4j.ledger import Account

if TYPE_CHECKING:
    import datetime as dt

    from rich.console import RenderableType

    from delta_neo4j.errors import LoaderError
    from delta_neo4j.preflight import Ready


@dataclass
class TableRun:
    """One table in one run."""

    name: str
    load_id: str | None  # None: not begun
    source_mode: str
    source_version: int
    batches: int = 0
    error: str | None = None
    account: Account = field(default_factory=Account)


@dataclass
class RunReport:
    """A run as it goes, and its summary at the end (see `docs/summary.md` for each field)."""

    run_id: str
    started_at: dt.datetime
    command: str = "load"
    ended_at: dt.datetime | None = None
    tables: list[TableRun] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    error: LoaderError | None = None
    strategy: str | None = None
    reason: str | None = None  # why this strategy
    model_id: str | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def ready(self, found: Ready, spark_version: str) -> None:
        """Note what preflight found."""
        self.reason = found.embedder_reason
        self.strategy = found.embedder.strategy if found.embedder else "precomputed"
        self.model_id = found.model_id
        self.versions = {
            "delta_neo4j": metadata.version("delta-neo4j") if _installed() else "source",
            "spark": spark_version,
            **({"neo4j": found.server_version} if found.server_version else {}),
            "neo4j_driver": metadata.version("neo4j"),
            "python": platform.python_version(),
        }

    def fail(self, error: LoaderError) -> None:
        """Note why the run ended early, and what a micro-batch spent that no ledger row tells of."""
        self.error = error
        if isinstance(error, BudgetReachedError) and self.tables:
            self.tables[-1].account.add(Account(embedding={term: int(n) for term, n in error.details.items()}))

    @property
    def total(self) -> Account:
        """All tables together."""
        account = Account()
        for table in self.tables:
            account.add(table.account)
        return account

    @property
    def balanced(self) -> bool:
        """Whether every equation of every table holds, and nothing but a budget ended the run."""
        sound = self.error is None or isinstance(self.error, BudgetReachedError)
        return sound and not any(table.account.imbalances() for table in self.tables)

    @property
    def exit_code(self) -> int:
        """0 when done and balanced, else the error's."""
        return self.error.exit_code if self.error else 0

    @property
    def status(self) -> str:
        """Say how it ended."""
        if self.error is None:
            return "succeeded"
        return "stopped" if isinstance(self.error, BudgetReachedError) else "failed"

    def summary(self) -> dict[str, Any]:
        """Give the summary document."""
        total = self.total
        return {
            "run_id": self.run_id,
            "status": self.status,
            "exit_code": self.exit_code,
            "error": str(self.error) if self.error else None,
            "balanced": self.balanced,
            "tables": [_table(table) for table in self.tables],
            "totals": _counts(total),
            "embedding": {"strategy": self.strategy, "model_id": self.model_id, **total.embedding},
            "writer": total.writer,
            "seconds": self._seconds(total),
            "versions": self.versions,
        }

    def _seconds(self, total: Account) -> dict[str, float]:
        staged = total.seconds
        seconds = {name: self.seconds.get(name, 0.0) for name in ("total", "startup", "preflight", "stream")}
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
    return {**fixed, **_counts(table.account)}


def _counts(account: Account) -> dict[str, Any]:
    return {
        "rows_read": account.rows_read,
        "outcomes": account.outcomes,
        "without_text": account.without_text,
        "truncated": account.truncated,
        "relationships": account.relationships,
    }


def page(report: RunReport) -> RenderableType:
    """Draw the summary for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    total = report.total
    grid = Table.grid(padding=(0, 2))
    for line in _lines(report, total):
        grid.add_row(*line)
    if report.error:
        verdict = Text(f"{report.status}: {report.error}", style="bold red" if report.status == "failed" else "bold")
    elif report.command == "embed":
        verdict = Text(f"done: {total.embedding['texts']:,} distinct texts are in the cache", style="bold green")
        if total.embedding["texts_faulted"]:
            verdict = Text(f"{total.embedding['texts_faulted']:,} texts have no vector: load will say which rows")
    elif total.rows_read == 0:
        verdict = Text("nothing new: no row read, no text embedded, nothing written", style="bold green")
    else:
        verdict = Text(f"balanced: {total.rows_read:,} rows read = {_sum(total.outcomes)}", style="bold green")
    return Group(grid, verdict)


def _sum(outcomes: dict[str, int]) -> str:
    return " + ".join(f"{count:,} {name.replace('_', '-')}" for name, count in outcomes.items() if count) or "0"


def _lines(report: RunReport, total: Account) -> list[tuple[str, str]]:
    lines = []
    for table in report.tables:
        account = table.account
        rows = f"{account.rows_read:,} rows in {table.batches} micro-batches"
        what = "the texts" if report.command == "embed" else rows
        lines.append((table.name, f"{what}, up to version {table.source_version}"))
        for edge_type, terms in account.relationships.items():
            lines.append(("", f"{edge_type}: {_edges(terms)}"))
        if account.without_text:
            lines.append(("", f"{account.without_text:,} nodes without a text, so without a vector"))
        if account.truncated:
            lines.append(("", f"{account.truncated:,} texts longer than the model reads"))
    embedding, writer = total.embedding, total.writer
    origins = " + ".join(
        f"{embedding[term]:,} {word}"
        for term, word in (("cache_hits", "cached"), ("texts_embedded", "embedded"), ("texts_faulted", "faulted"))
    )
    texts = f"{embedding['texts']:,} distinct texts = {origins}, in {embedding['calls']:,} calls ({report.strategy})"
    lines.append(("embedding", texts))
    if report.reason:
        lines.append(("", report.reason))
    if report.command == "load":
        effort = f"{writer['retries']} retried, {writer['deadlocks']} deadlocks"
        lines.append(("writing", f"{writer['transactions']:,} transactions, {effort}"))
    seconds = report.summary()["seconds"]
    lines.append(("seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())))
    return lines


def _edges(terms: dict[str, int]) -> str:
    parts = [
        f"{terms[name]:,} {name.replace('_', '-')}"
        for name in ("written", "unchanged", "skipped", "dead_lettered")
        if terms[name]
    ]
    removed = f"; {terms['removed']:,} removed" if terms["removed"] else ""
    return f"{terms['expected']:,} expected = {' + '.join(parts) or '0'}{removed}"
