"""The ceiling: the rate at which the bare driver fills this Neo4j, without delta-neo4j.

This is the script that an experienced Neo4j engineer writes by hand. It makes constraints and indexes ONLINE first. It
sends `UNWIND … MERGE … SET +=` through the driver with Rust extensions, from a few processes at once, with the rows in
a list that costs nothing to format. Then it writes the two relationships, each hub in only one process, so that no
process waits for another.

The ceiling's own clock starts when every process has its rows in memory as Arrow and an open connection; the conversion
from Arrow to Python values counts, because every Python writer needs it. As a script (`python -m benchmarks.ceiling
REMOVALS VECTORS [text_nodes]`; the graph in NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD) it is timed as a whole process,
with given vectors. The ceiling has no checkpoint, no dead letters, no sums, no versions, and only the driver's retries.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.schema import HUBS, KEY, REASON, TEXT, Hub, create_schema
from benchmarks.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from neo4j import Driver, ManagedTransaction

DATES = ("removal_date", "installation_date")
# Dates travel as milliseconds: packing one Python datetime costs the client about 30 µs, all the rest of a
# row, vector included, 25 µs.
WRITE_NODES = (
    "UNWIND $rows AS row MERGE (n:RemovalEvent {removal_id: row.id}) SET n += row.p, "
    "n.removal_date = localdatetime(datetime({epochMillis: row.removal_date})), "
    "n.installation_date = localdatetime(datetime({epochMillis: row.installation_date}))"
)
WRITE_REASONS = f"UNWIND $rows AS row MERGE (t:RemovalReason {{{TEXT}: row.text}}) SET t.embedding = row.embedding"


@dataclass(frozen=True)
class CeilingResult:
    """The result of one pass: wall-clock seconds for the nodes with their vectors, and for both relationships."""

    rows: int
    node_seconds: float
    relationship_seconds: float

    @property
    def seconds(self) -> float:
        """Seconds from the first row sent to the last transaction committed."""
        return self.node_seconds + self.relationship_seconds

    @property
    def rows_per_second(self) -> float:
        """Removals a second, nodes and relationships together."""
        return self.rows / self.seconds


@dataclass(frozen=True)
class _Job:
    """The job of one process: its share of the rows, and the graph to write to."""

    target: Target
    removals: Path
    vectors: Path
    batch: int
    relationship_batch: int
    processes: int
    share: int
    text_nodes: bool

    @property
    def hubs(self) -> tuple[Hub, ...]:
        """The relationships to write, in their order."""
        return (*HUBS, REASON) if self.text_nodes else HUBS


class _Rows(list[dict[str, Any]]):
    """Rows as a parameter. The driver formats every parameter for a debug line, on or off: keep it short."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


def run_ceiling(
    target: Target,
    removals: Path,
    vectors: Path,
    *,
    processes: int = 2,
    batch: int = 1_000,
    relationship_batch: int = 2_000,
    text_nodes: bool = False,
) -> CeilingResult:
    """Load the rows of `benchmarks.rows` into an empty graph; `batch` sizes are rows a transaction.

    Makes the schema first. With `text_nodes` the vectors go on one node a distinct text, not on each removal. A
    process that fails raises here what it raised there, as RuntimeError.
    """
    jobs = [
        _Job(target, removals, vectors, batch, relationship_batch, processes, share, text_nodes)
        for share in range(processes)
    ]
    with target.driver() as driver:
        create_schema(driver, target.database, jobs[0].hubs)
        if text_nodes:
            _write_reasons(driver, target.database, vectors)
    workers = [_Worker(job) for job in jobs]
    try:
        rows = sum(worker.answer() for worker in workers)
        times = [time.perf_counter()]
        for phase in ("nodes", *range(len(jobs[0].hubs))):
            for worker in workers:
                worker.ask(phase)
            for worker in workers:
                worker.answer()
            times.append(time.perf_counter())
    finally:
        for worker in workers:
            worker.stop()
    return CeilingResult(rows, times[1] - times[0], times[-1] - times[1])


def _write_reasons(driver: Driver, database: str, vectors: Path) -> None:
    rows = _Rows(pq.read_table(vectors).to_pylist())
    driver.execute_query(WRITE_REASONS, rows=rows, database_=database)


class _Worker:
    """The parent's end of one process: ask for a phase, wait for the answer."""

    def __init__(self, job: _Job) -> None:
        # Spawned, not forked: the parent may hold a JVM, threads and a driver.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(job, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, phase: str | int) -> None:
        self._connection.send(phase)

    def answer(self) -> int:
        """Return the rows that the process answers for; raise RuntimeError with its error or its end."""
        try:
            reply = self._connection.recv()
        except EOFError as end:
            self._process.join()
            raise RuntimeError(f"a writer process ended with code {self._process.exitcode}") from end
        if isinstance(reply, int):
            return reply
        raise RuntimeError(reply)

    def stop(self) -> None:
        self._connection.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()


def _serve(job: _Job, connection: Connection) -> None:
    """Load the share, send its number of rows, then write each phase that the parent asks for until it closes."""
    target = job.target
    try:
        share = _Share(job)
        with target.driver() as driver, driver.session(database=target.database) as session:
            session.run("RETURN 1").consume()
            connection.send(share.count)
            while True:
                phase = connection.recv()
                statement = WRITE_NODES if phase == "nodes" else job.hubs[phase].statement
                for rows in share.nodes() if phase == "nodes" else share.relationships(phase):
                    session.execute_write(_write, statement, rows)
                connection.send(share.count)
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - handed to the parent, who raises it
        connection.send(f"{type(error).__name__}: {error}")


def _write(transaction: ManagedTransaction, statement: str, rows: _Rows) -> None:
    transaction.run(statement, rows=rows).consume()


class _Share:
    """One process's rows in memory: a run of removals as Arrow, the vectors as one matrix."""

    def __init__(self, job: _Job) -> None:
        table = pq.read_table(job.removals).combine_chunks()
        vectors = pq.read_table(job.vectors)
        self._batch, self._relationship_batch = job.batch, job.relationship_batch
        self._vectors = vectors["embedding"].combine_chunks().values.to_numpy().reshape(len(vectors), -1)
        for name in DATES:
            millis = table[name].cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
            table = table.set_column(table.column_names.index(name), name, millis)
        first, last = (len(table) * number // job.processes for number in (job.share, job.share + 1))
        self._nodes = table.slice(first, last - first)
        self._vector_of = pc.index_in(self._nodes[TEXT], value_set=vectors["text"]).to_numpy()
        self._text_nodes = job.text_nodes
        self._ends = [_hub_share(table, hub, job) for hub in job.hubs]
        self.count = last - first

    def nodes(self) -> Iterator[_Rows]:
        names = [name for name in self._nodes.column_names if name not in {KEY, *DATES}]
        for start in range(0, self.count, self._batch):
            part = self._nodes.slice(start, self._batch)
            # Each vector of the batch becomes Python floats once, however many rows share it.
            distinct, places = np.unique(self._vector_of[start : start + self._batch], return_inverse=True)
            lists = [None] * len(distinct) if self._text_nodes else self._vectors[distinct].tolist()
            heads = zip(*(_values(part[name]) for name in (KEY, *DATES)), places.tolist(), strict=True)
            properties = zip(*(_values(part[name]) for name in names), strict=True)
            yield _Rows(
                {
                    "id": key,
                    "removal_date": removed,
                    "installation_date": installed,
                    "p": dict(zip(names, values, strict=True), embedding=lists[place]),
                }
                for (key, removed, installed, place), values in zip(heads, properties, strict=True)
            )

    def relationships(self, hub: int) -> Iterator[_Rows]:
        ends = self._ends[hub]
        for start in range(0, len(ends), self._relationship_batch):
            part = ends.slice(start, self._relationship_batch)
            pairs = zip(_values(part["hub"]), _values(part["id"]), strict=True)
            yield _Rows({"hub": end, "id": key} for end, key in pairs)


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return Python values, by way of numpy: three times as fast as `to_pylist`. The sample has no nulls."""
    values: list[Any] = column.to_numpy().tolist()
    return values


def _hub_share(table: pa.Table, hub: Hub, job: _Job) -> pa.Table:
    """Return `hub` and `id` of the rows whose hub belongs to this process, a hub's rows together."""
    codes = table[hub.column].combine_chunks().dictionary_encode().indices.to_numpy()
    ends = pa.table({"hub": table[hub.column], "id": table[KEY]})
    return ends.filter(pa.array(codes % job.processes == job.share)).sort_by("hub")


def main() -> None:
    """Fill the graph of the environment and print the seconds of each part as JSON."""
    user, password = os.environ["NEO4J_USERNAME"], os.environ["NEO4J_PASSWORD"]
    target = Target(os.environ["NEO4J_URI"], user, password)
    result = run_ceiling(target, *map(Path, sys.argv[1:3]), text_nodes="text_nodes" in sys.argv[3:])
    print(json.dumps({"node_seconds": result.node_seconds, "relationship_seconds": result.relationship_seconds}))


if __name__ == "__main__":
    main()
