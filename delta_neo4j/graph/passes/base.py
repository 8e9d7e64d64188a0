"""
The base of all passes: a Spark task writes its rows to Neo4j and returns its counts and its refused rows.

A pass is a frozen value that is pickled to workers, which have neither this package nor pydantic. A task returns its
counts as a row, because changes to a closure's variables do not come back to the driver. If tasks have no network, the
driver runs the same code.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from delta_neo4j.errors import DeadLetterGateError, GraphRefusedError, GraphUnavailableError, LoaderError, travelling
from delta_neo4j.graph.bolt.transactions import RefusedError, TooLargeError, WriteSession, sessions, smallest
from delta_neo4j.graph.passes.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.graph.passes.parameters import Rows
    from delta_neo4j.settings.connection import Connection

# A task returns one `count` row, and one row for each refused, remaining or waiting key.
OUTPUT = "kind STRING, payload STRING"
TRANSACTION_BYTES = 8_000_000


@dataclass(frozen=True)
class Pass:
    """
    One pass over rows: `statement` runs once per transaction, with `parameters` and at most `batch_rows` rows.

    `hub`: columns of the node that rows lock; rows with the same values follow each other. If they share a transaction,
    the next one need not wait for its end.

    A key has `key_width` columns. `metadata` names the transactions in Neo4j. The pass sees the writes of the
    transactions behind `bookmarks`. A task that has more than `refusals_allowed` refused rows fails.
    """

    connection: Connection
    statement: str
    parameters: dict[str, Any]
    metadata: dict[str, Any]
    key_width: int
    batch_rows: int
    refusals_allowed: int
    bookmarks: tuple[str, ...] = ()
    hub: tuple[str, ...] = ()

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """
        Write the record batches of one task; yield its counts and refused rows (the function of `mapInArrow`).

        Raises `FarSideError` with the class and message of a `LoaderError`.
        """
        with travelling(), sessions(self.connection, self.metadata, self.bookmarks) as open_session:
            with closing(Lanes(open_session)) as lanes:
                task = Task(self, lanes)
                for batch in batches:
                    task.write_batch(batch)
                lanes.finish()
            result = task.result()
        yield result

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Convert a record batch to the rows of a statement."""
        raise NotImplementedError

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the outcomes of `rows` in the `records` that their committed transaction returned."""
        raise NotImplementedError

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:
        """Count a row that Neo4j refused with `error`, or raise if the run cannot go on without this row."""


def stopping(what: str, error: RefusedError) -> LoaderError:
    """Return the error that ends a run which cannot go on without a refused row; `what` was refused."""
    if isinstance(error, TooLargeError):
        return GraphRefusedError(f"{what}: {error.reason[:500]}, then run again")
    return GraphUnavailableError(f"{what}: {error.reason[:300]}; remove the cause and run again")


def whole_hubs(batch: pa.RecordBatch, hub: tuple[str, ...]) -> int:
    """Return how many rows before the last one to take: those before its hub's, if that leaves at least half."""
    most: int = batch.num_rows - 1
    of_hub = [batch.column(name).to_pylist() for name in hub]
    taken = most
    while of_hub and taken > most // 2 and all(column[taken - 1] == column[most] for column in of_hub):
        taken -= 1
    return taken if taken > most // 2 else most


@dataclass
class Task:
    """
    The state of one task: counts, refused rows, remaining and waiting keys, and the `largest` transaction that fits.

    `limit`: the same, as far as a limit that the server has for each transaction is the reason. `too_large`: number of
    rows that are beyond that limit by themselves.
    """

    work: Pass
    lanes: Lanes
    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    remaining: list[list[Any]] = field(default_factory=list)
    waiting: list[list[Any]] = field(default_factory=list)
    largest: int = 0
    limit: int = 0
    too_large: int = 0
    _changing: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        """Start with transactions of `batch_rows` rows."""
        self.largest = self.limit = self.work.batch_rows

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Begin to write a record batch in transactions of at most `largest` rows and about `TRANSACTION_BYTES`."""
        # A converted vector takes about three times its float32 bytes, so a limit in rows alone would not do.
        each = max(1, batch.nbytes // max(1, batch.num_rows))
        at = 0
        while at < batch.num_rows:
            part = batch.slice(at, max(1, min(self.largest, TRANSACTION_BYTES // each)))
            if at + len(part) < batch.num_rows:
                part = part.slice(0, whole_hubs(batch.slice(at, len(part) + 1), self.work.hub))
            self.lanes.run(partial(self.write, self.work.rows(part)))
            at += len(part)

    def write(self, rows: Rows, session: WriteSession) -> None:
        """
        Write rows in one transaction; if Neo4j refuses it, write its parts, down to the refused row.

        Several threads write at the same time. Raises `GraphUnavailableError` if others leave no memory for one row,
        `DeadLetterGateError` as `refuse` does.
        """
        before = self.too_large, self.largest, self.limit
        try:
            records = self._send(rows, session)
        except RefusedError as error:
            with self._changing:
                if len(rows) == 1:
                    self.too_large += isinstance(error, TooLargeError)
                    self.refuse(rows[0], error)
                    return
                if isinstance(error, TooLargeError):
                    self._shrink(len(rows) // 2, error)
        else:
            with self._changing:
                self.work.tally(rows, records, self)
                self.largest, self.limit = max(self.largest, len(rows)), max(self.limit, len(rows))
            return
        size = min(-(-len(rows) // 2), self.largest)  # another transaction may have found out what fits
        for at in range(0, len(rows), size):
            self.write(rows.part(at, at + size), session)
        with self._changing:
            if self.too_large > before[0]:  # the cause was such a row, not the number of rows
                self.largest, self.limit = max(self.largest, before[1]), max(self.limit, before[2])

    def _send(self, rows: Rows, session: WriteSession) -> list[dict[str, Any]]:
        def send() -> list[dict[str, Any]]:
            return session.run(self.work.statement, {**rows.parameters(), **self.work.parameters})

        return send() if len(rows) > 1 else smallest(send, self.work.connection.retry_seconds)

    def _shrink(self, rows: int, error: TooLargeError) -> None:
        self.counts["halved"] += 1
        self.largest = min(self.largest, rows)  # remembered: the next transactions start at this size
        if not error.shared:
            self.limit = min(self.limit, rows)

    def wait(self, row: dict[str, Any]) -> None:
        """Record the key of a row whose edge found no end."""
        self.waiting.append([row[f"k{i}"] for i in range(self.work.key_width)])

    def refuse(self, row: dict[str, Any], error: RefusedError) -> None:
        """Record a refused row; raise `DeadLetterGateError` if the task has more than `refusals_allowed`."""
        key = [row[f"k{i}"] for i in range(self.work.key_width)]
        self.work.refused(row, error, self)
        self.refusals.append({"key": key, "reason_class": error.reason_class, "reason": error.reason[:1_000]})
        if len(self.refusals) > self.work.refusals_allowed:
            raise DeadLetterGateError(
                f"Neo4j refused more than {self.work.refusals_allowed} rows of one task, the last because: "
                f"{error.reason[:300]}; remove the cause and run again"
            )

    def result(self) -> pa.RecordBatch:
        """Return counts, bookmarks, refused rows and keys as the rows that the task returns to Spark."""
        counts = Counter({**self.counts, "tasks": 1})
        for session in self.lanes.sessions:
            counts.update(vars(session.effort))
        bookmarks = sorted(each for session in self.lanes.sessions for each in session.bookmarks())
        lines = [
            ("count", {"counts": counts, "bookmarks": bookmarks, "limit": self.limit}),
            *(("refused", refusal) for refusal in self.refusals),
            *(("remaining", key) for key in self.remaining),
            *(("waiting", key) for key in self.waiting),
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
    """
    The sum of what the tasks of one pass returned; a refusal has `key`, `reason_class` and `reason`.

    `limit`: the rows of the largest transaction that fits into the server's limits for each transaction.
    """

    counts: Counter[str]
    refusals: list[dict[str, Any]]
    bookmarks: tuple[str, ...]
    remaining: list[list[Any]] = field(default_factory=list)  # keys of rows that a look-up did not find unchanged
    waiting: list[list[Any]] = field(default_factory=list)  # keys of rows whose edge found no end
    limit: int | None = None  # None: no task ran


def gather(lines: Iterable[Any]) -> Written:
    """Return the sum of the rows that the tasks returned."""
    counts: Counter[str] = Counter()
    refusals: list[dict[str, Any]] = []
    bookmarks: list[str] = []
    keys: dict[str, list[list[Any]]] = {"remaining": [], "waiting": []}
    limits: list[int] = []
    for line in lines:
        payload = json.loads(line["payload"])
        if line["kind"] == "count":
            counts.update(payload["counts"])
            bookmarks += payload["bookmarks"]
            limits.append(payload["limit"])
        else:
            (refusals if line["kind"] == "refused" else keys[line["kind"]]).append(payload)
    return Written(counts, refusals, tuple(bookmarks), **keys, limit=min(limits, default=None))
