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

import numpy as np
import pyarrow as pa

from delta_neo4j.errors import BalanceError, DeadLetterGateError, GraphUnavailableError, travelling
from delta_neo4j.rows import Rows, epochs, values, vectors
from delta_neo4j.transactions import RefusedError, TooLargeError, Writer, open_driver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.plan import Connection

OUTPUT = "kind STRING, payload STRING"  # one `count` row a task; a `refused` row for each row not taken
NODE_ROWS, RELATIONSHIP_ROWS = 1_000, 2_000  # a transaction; more is slower (measured)
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
                task = _Task(self, Writer(session, self.metadata, self.connection.retry_seconds))
                for batch in batches:
                    task.write_batch(batch)
                task.counts["tasks"] += 1
                last = sorted(session.last_bookmarks().raw_values)
        yield task.result(last)

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Convert a slice to statement parameters."""
        raise NotImplementedError

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: _Task) -> None:
        """Count what a committed transaction says it did."""
        raise NotImplementedError

    def refused(self, task: _Task) -> None:
        """Count a row that the graph did not take."""


@dataclass(frozen=True)
class NodePass(Pass):
    """Upserts nodes; columns k0…, p0…, d0…, vector, v, h, w, x, e0… (as `cypher.upsert_nodes` wants them)."""

    names: tuple[str, ...] = ()
    temporals: int = 0
    vector_name: str | None = None
    texts: dict[str, tuple[bytes, int | None]] | None = None  # by hash: vector and tokens, where rows carry only that
    max_tokens: int = 0
    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, p, v, h, w, x, e0…, s0…, n0…} for each row."""
        properties = [values(batch.column(f"p{i}")) for i in range(len(self.names))]
        names, cut = self.names, None
        if self.vector_name:
            names = (*names, self.vector_name)
            found, cut = self._vectors(batch)
            properties.append(found)
        fixed = [f"k{i}" for i in range(self.key_width)] + ["v", "h", "w"]
        fixed += [f"e{i}" for i in range(self.edges)]
        columns = [values(batch.column(name)) for name in fixed]
        fixed.append("x")
        columns.append(values(batch.column("x")) if cut is None else cut)
        for i in range(self.temporals):
            fixed += [f"s{i}", f"n{i}"]
            columns += epochs(batch.column(f"d{i}"))
        maps = (
            [dict(zip(names, row, strict=True)) for row in zip(*properties, strict=True)]
            if names
            else [{}] * len(batch)
        )
        return Rows(
            {**dict(zip(fixed, row, strict=True)), "p": bag}
            for row, bag in zip(zip(*columns, strict=True), maps, strict=True)
        )

    def _vectors(self, batch: pa.RecordBatch) -> tuple[list[list[float] | None], list[int | None] | None]:
        """Give each row's vector and, where the texts came with the function, whether its text is cut."""
        if self.texts is None:
            found = vectors(batch.column("vector"))
            _check_vectors(found, batch.column("has_vector").to_pylist())
            return found, None
        hashes = values(batch.column("text_hash"))
        packed = {text: self.texts[text] for text in set(hashes) if text in self.texts}
        lists = {text: np.frombuffer(vector, dtype="<f4").tolist() for text, (vector, _) in packed.items()}
        found = [lists.get(text) for text in hashes]
        _check_vectors(found, [text is not None for text in hashes])
        cut = {text: None if tokens is None else int(tokens > self.max_tokens) for text, (_, tokens) in packed.items()}
        return found, [0 if text is None else cut[text] for text in hashes]

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: _Task) -> None:  # noqa: ARG002
        """Count outcomes; edges are expected of rows that the graph now holds."""
        for record in records:
            task.counts[record["outcome"]] += record["rows"]
            if record["outcome"] == "superseded":
                continue
            for i in range(self.edges):
                task.counts[f"expected.{i}"] += record[f"e{i}"]
            for name in ("without_text", "truncated", "length_unknown"):
                task.counts[name] += record[name]

    def refused(self, task: _Task) -> None:
        """Count the row: a node that is refused makes it a dead letter."""
        task.counts["dead_lettered"] += 1


def _check_vectors(found: list[list[float] | None], wanted: list[bool]) -> None:
    lost = sum(1 for vector, has in zip(found, wanted, strict=True) if (vector is not None) != has)
    if lost:
        raise BalanceError(f"{lost} rows of one transaction have a text but no vector, or the reverse: texts were lost")


@dataclass(frozen=True)
class RelationshipPass(Pass):
    """Merges one relationship type; columns k0…, t0…, v, h, r."""

    end_width: int = 1

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, t0…, v, h, r, i} for each row."""
        names = [f"k{i}" for i in range(self.key_width)] + [f"t{i}" for i in range(self.end_width)] + ["v", "h", "r"]
        columns = [values(batch.column(name)) for name in names]
        return Rows({**dict(zip(names, row, strict=True)), "i": i} for i, row in enumerate(zip(*columns, strict=True)))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: _Task) -> None:
        """Count outcomes; a missing end is a dead letter of its edge alone."""
        for record in records:
            for name in ("written", "unchanged", "skipped", "none", "removed"):
                task.counts[name] += record[name]
            missing = set(record["missing"])
            for row in rows:
                if row["i"] in missing:
                    task.refuse(row, RefusedError("end_missing", f"no node has the key {_end(row)}"))

    def refused(self, task: _Task) -> None:
        """Count the edge; its row stays written."""
        task.counts["dead_lettered"] += 1


def _end(row: dict[str, Any]) -> str:
    return ", ".join(repr(value) for name, value in row.items() if name.startswith("t"))


@dataclass
class _Task:
    """The state of one task: its counts, the rows refused, and the transaction size that still fits."""

    work: Pass
    writer: Writer
    counts: Counter[str] = field(default_factory=Counter)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    largest: int = 0

    def __post_init__(self) -> None:
        self.largest = self.work.batch_rows

    def write_batch(self, batch: pa.RecordBatch) -> None:
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
        key = [row[f"k{i}"] for i in range(self.work.key_width)]
        self.work.refused(self)
        self.refusals.append({"key": key, "reason_class": error.reason_class, "reason": error.reason[:1_000]})
        if len(self.refusals) > self.work.refusals_allowed:
            raise DeadLetterGateError(
                f"Neo4j refused more than {self.work.refusals_allowed} rows of one task, the last because: "
                f"{error.reason[:300]}; mend the cause and run again"
            )

    def result(self, bookmarks: list[str]) -> pa.RecordBatch:
        effort = self.writer.effort
        counts = {**self.counts, **vars(effort)}
        lines = [
            ("count", {"counts": counts, "bookmarks": bookmarks}),
            *(("refused", refusal) for refusal in self.refusals),
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


def gather(lines: Iterable[Any]) -> Written:
    """Add up the rows that the tasks returned."""
    counts: Counter[str] = Counter()
    refusals: list[dict[str, Any]] = []
    bookmarks: list[str] = []
    for line in lines:
        payload = json.loads(line["payload"])
        if line["kind"] == "count":
            counts.update(payload["counts"])
            bookmarks += payload["bookmarks"]
        else:
            refusals.append(payload)
    return Written(counts, refusals, tuple(bookmarks))


def _bookmarks(raw: tuple[str, ...]) -> Any:
    import neo4j

    return neo4j.Bookmarks.from_raw_values(raw)
