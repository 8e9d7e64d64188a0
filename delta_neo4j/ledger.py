"""
The account of a micro-batch and the sums that must balance. A ledger row is written last: its presence means done.

Every term is counted where it happens; nothing here is found by subtraction.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from delta_neo4j.state import State

OUTCOMES = ("written", "unchanged", "superseded", "deleted", "dead_lettered")
EDGE_TERMS = ("expected", "written", "unchanged", "skipped", "dead_lettered", "removed")
EMBEDDING_TERMS = ("texts", "cache_hits", "texts_embedded", "texts_faulted", "calls", "retries")
WRITER_TERMS = ("transactions", "retries", "deadlocks", "end_nodes_created")


@dataclass
class Account:
    """What became of a micro-batch's rows, edges and texts; all figures are counts but `seconds`."""

    rows_read: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    without_text: int = 0
    truncated: int | None = 0  # None: no tokenizer was at hand to tell
    relationships: dict[str, dict[str, int]] = field(default_factory=dict)
    embedding: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EMBEDDING_TERMS, 0))
    writer: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WRITER_TERMS, 0))
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a block to a stage."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - began

    def edges(self, edge_type: str) -> dict[str, int]:
        """Give the terms of one relationship type, zero where nothing was counted."""
        return self.relationships.setdefault(edge_type, dict.fromkeys(EDGE_TERMS, 0))

    def add(self, other: Account) -> None:
        """Add another account to this one."""
        self.rows_read += other.rows_read
        self.without_text += other.without_text
        self.add_truncated(other.truncated)
        _add(self.outcomes, other.outcomes)
        _add(self.embedding, other.embedding)
        _add(self.writer, other.writer)
        for edge_type, terms in other.relationships.items():
            _add(self.edges(edge_type), terms)
        for stage, seconds in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def add_truncated(self, count: int | None) -> None:
        """Add texts that the model cuts; unknown once is unknown for good."""
        self.truncated = None if self.truncated is None or count is None else self.truncated + count

    def imbalances(self) -> list[str]:
        """Say which equations do not hold, and by how much."""
        sums = [("rows read", self.rows_read, sum(self.outcomes.values()), "outcomes")]
        for edge_type, terms in self.relationships.items():
            accounted = sum(terms[name] for name in ("written", "unchanged", "skipped", "dead_lettered"))
            sums.append((f"{edge_type} relationships expected", terms["expected"], accounted, "outcomes"))
        accounted = sum(self.embedding[name] for name in ("cache_hits", "texts_embedded", "texts_faulted"))
        sums.append(("distinct texts", self.embedding["texts"], accounted, "cache hits, embedded and faulted"))
        return [
            f"{left} {what} against {right} {other} ({left - right:+d})"
            for what, left, right, other in sums
            if left != right
        ]

    def check(self, where: str) -> None:
        """Raise `BalanceError` unless every equation holds."""
        faults = self.imbalances()
        if faults:
            raise BalanceError(f"{where} does not add up: {'; '.join(faults)}; nothing is recorded as done")


def _add(mine: dict[str, int], theirs: dict[str, int]) -> None:
    for name, value in theirs.items():
        mine[name] = mine.get(name, 0) + value


@dataclass(frozen=True)
class Standing:
    """Where a load stands: what is recorded of it, and what of others. Batch ids have no gaps."""

    last_recorded: int  # batch id, -1: none
    rows_recorded: int  # in the load's whole life
    read_before: bool  # an earlier load has read the table
    newest_epoch: int  # of all runs of the state, in milliseconds


@dataclass(frozen=True)
class Ledger:
    """The ledger of one load (one life of one table's checkpoint)."""

    state: State
    load_id: str
    table_name: str
    source_mode: str

    def spent(self, spark: SparkSession, run_id: str) -> tuple[int, float]:
        """Give (texts, seconds) that a run has embedded in its recorded micro-batches, of whatever table."""
        # Here and below, not at the top: a summary is shown where pyspark is missing, too.
        from pyspark.sql import functions as F  # noqa: N812

        rows = self.state.read(spark, "ledger").where(F.col("run_id") == run_id).select("embedding", "seconds")
        recorded = [(json.loads(row["embedding"]), json.loads(row["seconds"])) for row in rows.collect()]
        texts = sum(terms["texts_embedded"] + terms["texts_faulted"] for terms, _ in recorded)
        return texts, sum(seconds.get("embed", 0.0) for _, seconds in recorded)

    def standing(self, spark: SparkSession) -> Standing:
        """Say where the load stands, before a run goes on with it."""
        from pyspark.sql import functions as F  # noqa: N812

        mine = F.col("load_id") == self.load_id
        earlier = (F.col("table_name") == self.table_name) & ~mine
        found = self.state.read(spark, "ledger").agg(
            F.max(F.when(mine, F.col("batch_id"))),
            F.sum(F.when(mine, F.col("rows_read"))),
            F.max(F.when(earlier, 1)),
            F.max(F.regexp_extract("attempt", r"^(\d+)-", 1)),
        )
        batch, rows, before, epoch = found.collect()[0]
        return Standing(-1 if batch is None else int(batch), int(rows or 0), bool(before), int(epoch or 0))

    def of_run(self, spark: SparkSession, run_id: str) -> tuple[int, Account]:
        """Give (micro-batches, summed account) of one run, from the table alone."""
        from pyspark.sql import functions as F  # noqa: N812

        mine = (F.col("load_id") == self.load_id) & (F.col("run_id") == run_id)
        rows = self.state.read(spark, "ledger").where(mine).collect()
        total = Account()
        for row in rows:
            total.add(_account(row))
        return len(rows), total

    def record(self, spark: SparkSession, run_id: str, batch_id: int, attempt: str, account: Account) -> None:
        """Append the row that says the micro-batch is done; once, however often it is tried."""
        row = (
            self.load_id, batch_id, attempt, run_id, self.table_name, self.source_mode, account.rows_read,
            json.dumps(account.outcomes), account.without_text, account.truncated, json.dumps(account.relationships),
            json.dumps(account.embedding), json.dumps(account.writer), json.dumps(account.seconds),
            dt.datetime.now(dt.UTC),
        )  # fmt: skip
        self.state.append_rows(spark, "ledger", [row], once=(self.load_id, batch_id))


def _account(row: Any) -> Account:
    return Account(
        rows_read=row["rows_read"],
        outcomes=json.loads(row["outcomes"]),
        without_text=row["without_text"],
        truncated=row["truncated"],
        relationships=json.loads(row["relationships"]),
        embedding=json.loads(row["embedding"]),
        writer=json.loads(row["writer"]),
        seconds=json.loads(row["seconds"]),
    )
