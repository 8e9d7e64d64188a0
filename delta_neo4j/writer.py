"""
Rows into Neo4j from inside Spark tasks; each task returns one count row and its refused rows.

The passes are plain frozen values: they travel to workers that have neither this package nor pydantic.
Nothing is counted in a closure. Where tasks have no network the same code runs on the driver.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from delta_neo4j.errors import DeadLetterGateError, GraphUnavailableError, travelling
from delta_neo4j.rows import Rows
from delta_neo4j.transactions import RefusedError, TooLargeError, Writer, open_driver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.plan import Connection

OUTPUT = "kind STRING, payload STRING"  # one `count` row a task, a row for each key refused or remaining
TRANSACTION_BYTES = 8_000_000


@dataclass(frozen=True)
class Pass:
    """One pass over rows: where, what statement, which columns; `bookmarks` makes earlier passes visible."""

    connection: Connection
    statement: str
    parameters: dict[str, Any]
    metadata: dict[str, Any]
    key_width: int
    batch_rows: int
    refusals_allowed: int
    bookmarks: tuple[str, ...] = ()

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write all batches of a task (the function of `mapInArrow`)."""
        with travelling(), open_driver(self.connection) as driver:
            bookmarks = _bookmarks(self.bookmarks)
            with driver.session(database=self.connection.database, bookmarks=bookmarks) as session:
                task = Task(self, Writer(session, self.metadata, self.connection.retry_seconds))
                for batch in batches:
                    task.write_batch(batch)
                task.counts["tasks"] += 1
                last = sorted(session.last_bookmarks().raw_values)
        yield task.result(last)

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Convert a slice to statement parameters."""
        raise NotImplementedError

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count what a committed transaction says it did."""
        raise NotImplementedError

    def refused(self, row: dict[str, Any], task: Task) -> None:
        """Count a row that the graph did not take."""


@dataclass
class Task:
    """The state of one task: its counts, the rows refused, and the transaction size that still fits."""

    work: Pass
    writer: Writer
    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    remaining: list[list[Any]] = field(default_factory=list)
    largest: int = 0

    def __post_init__(self) -> None:
        """Start with the size that is fastest."""
        self.largest = self.work.batch_rows

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Write a record batch, a transaction at a time."""
        # A converted vector takes about three times its float32 bytes; bytes decide, the row count caps.
        each = max(1, batch.nbytes // max(1, batch.num_rows))
        at = 0
        while at < batch.num_rows:
            size = max(1, min(self.largest, TRANSACTION_BYTES // each))
            self.write(self.work.rows(batch.slice(at, size)))
            at += size

    def write(self, rows: Rows) -> None:
        """Write in one transaction, or in halves down to the row at fault."""
        try:
            records = self.writer.run(self.work.statement, {"rows": rows, **self.work.parameters})
        except TooLargeError as error:
            if len(rows) == 1:
                raise GraphUnavailableError(
                    f"Neo4j has no memory left for a transaction of one row: {error}; raise "
                    "dbms.memory.transaction.total.max, or run again when less goes on"
                ) from error
            self.largest = max(1, len(rows) // 2)  # remembered: the next transactions start at this size
        except RefusedError as error:
            if len(rows) == 1:
                self.refuse(rows[0], error)
                return
        else:
            self.work.tally(rows, records, self)
            return
        middle = len(rows) // 2
        self.write(Rows(rows[:middle]))
        self.write(Rows(rows[middle:]))

    def refuse(self, row: dict[str, Any], error: RefusedError) -> None:
        """Keep a row that was not taken; raise `DeadLetterGateError` when they are too many."""
        key = [row[f"k{i}"] for i in range(self.work.key_width)]
        self.work.refused(row, self)
        self.refusals.append({"key": key, "reason_class": error.reason_class, "reason": error.reason[:1_000]})
        if len(self.refusals) > self.work.refusals_allowed:
            raise DeadLetterGateError(
                f"Neo4j refused more than {self.work.refusals_allowed} rows of one task, the last because: "
                f"{error.reason[:300]}; mend the cause and run again"
            )

    def result(self, bookmarks: list[str]) -> pa.RecordBatch:
        """Give what the task returns to Spark."""
        effort = self.writer.effort
        counts = {**self.counts, **vars(effort)}
        lines = [
            ("count", {"counts": counts, "bookmarks": bookmarks}),
            *(("refused", refusal) for refusal in self.refusals),
            *(("remaining", key) for key in self.remaining),
        ]
        return pa.RecordBatch.from_arrays(
            [
                pa.array([kind for kind, _ in lines]),
                pa.array([json.dumps(payload, default=str) for _, payload in lines]),
            ],
            names=["kind", "payload"],
        )


@dataclass(frozen=True)
class Written:
    """What the tasks of one pass report together."""

    counts: Counter[str]
    refusals: list[dict[str, Any]]
    bookmarks: tuple[str, ...]
    remaining: list[list[Any]] = field(default_factory=list)  # keys that a look-up did not find as they should be


def gather(lines: Iterable[Any]) -> Written:
    """Add up the rows that the tasks returned."""
    counts: Counter[str] = Counter()
    refusals: list[dict[str, Any]] = []
    bookmarks: list[str] = []
    remaining: list[list[Any]] = []
    for line in lines:
        payload = json.loads(line["payload"])
        if line["kind"] == "count":
            counts.update(payload["counts"])
            bookmarks += payload["bookmarks"]
        else:
            (refusals if line["kind"] == "refused" else remaining).append(payload)
    return Written(counts, refusals, tuple(bookmarks), remaining)


def _bookmarks(raw: tuple[str, ...]) -> Any:
    import neo4j

    return neo4j.Bookmarks.from_raw_values(raw)
