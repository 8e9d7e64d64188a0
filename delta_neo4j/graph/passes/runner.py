"""
Where a pass is executed: in Spark tasks if they can connect to Neo4j, otherwise on the driver.

Serverless compute gives Python in tasks no network. There the tasks only pack a pass's rows into Arrow chunks of a few
megabytes; the driver takes one chunk after the other and runs the same pass over it.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from delta_neo4j.errors import GraphUnavailableError, recovered, spark_errors
from delta_neo4j.graph.passes.base import OUTPUT, Pass, Written, gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.graph.passes.listing import Listing
    from delta_neo4j.settings.connection import Connection

log = logging.getLogger(__name__)
CONNECT_SECONDS = 5.0
ARROW_CHUNK_BYTES = 4_000_000  # the driver holds one chunk at a time, and the transaction that is made of it
BOLT_PORT = 7687


@dataclass(frozen=True)
class PassRunner:
    """
    Where the passes of a run are executed: in Spark tasks, or (`from_tasks` false) on the driver.

    `fits`: the rows of a transaction that the server's limits allow, by stage, as far as passes have met a limit.
    """

    from_tasks: bool = True
    fits: dict[str, int] = field(default_factory=dict)

    def write(self, rows: DataFrame, work: Pass) -> tuple[Written, PassRunner]:
        """
        Run a pass over rows; return its counts and the runner for the passes after it.

        If the tasks cannot connect to Neo4j and the driver can, the pass runs again on the driver, and so does every
        later pass. Rows that the tasks wrote before the failure are then unchanged. Raises the error of Spark that has
        the task's error, or on the driver `FarSideError`.
        """
        written, from_tasks = self._write(rows, work)
        fits = self.fits
        if written.limit is not None and written.limit < work.batch_rows:
            stage = work.metadata["stage"]
            log.warning("transactions.halved", extra={"stage": stage, "rows": written.limit, "by": "a server's limit"})
            fits = {**fits, stage: written.limit}
        return written, PassRunner(from_tasks, fits)

    def _write(self, rows: DataFrame, work: Pass) -> tuple[Written, bool]:
        """Return the counts, and whether tasks can connect to Neo4j."""
        if not self.from_tasks:
            return gather(on_driver(rows, work)), False
        try:
            return gather(rows.mapInArrow(work, OUTPUT).collect()), True
        except spark_errors() as error:
            if not isinstance(recovered(str(error)), GraphUnavailableError) or _fails_on_driver_too(rows, work):
                raise
        return gather(on_driver(rows, work)), False

    def fitting(self, stage: str, rows: int) -> int:
        """Return how many of so many rows a transaction of a stage may have."""
        return min(rows, self.fits.get(stage, rows))


def _fails_on_driver_too(rows: DataFrame, work: Pass) -> bool:
    """Return whether running on the driver cannot help: it does not connect either, or tasks do connect."""
    host, port = _address(work.connection)
    return _refusal(host, port) is not None or tasks_can_connect(rows.sparkSession, work.connection, 1)


def choose_runner(spark: SparkSession, connection: Connection, tasks: int) -> PassRunner:
    """
    Return the runner for a session.

    Tasks are probed only in a Spark Connect session, as on serverless: elsewhere tasks have the network that the
    driver has, and the probe is a Spark job of a second.
    """
    return PassRunner(not is_connect(spark) or tasks_can_connect(spark, connection, tasks))


def is_connect(spark: SparkSession) -> bool:
    """Return whether the session is one of Spark Connect, without an import: it needs libraries that may be missing."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def tasks_can_connect(spark: SparkSession, connection: Connection, tasks: int) -> bool:
    """Open a connection to Neo4j's port from so many tasks; return whether all of them could."""
    host, port = _address(connection)
    answers = spark.range(0, tasks, 1, tasks).mapInArrow(_CanConnect(host, port), "refusal STRING").collect()
    refusals = sorted({row["refusal"] for row in answers if row["refusal"] is not None})
    if refusals:
        log.info("tasks.refused", extra={"host": host, "port": port, "reason": refusals[0], "writing": "driver"})
    return not refusals


def on_driver(rows: DataFrame, work: Pass | Listing) -> Iterator[dict[str, Any]]:
    """Run a pass in this process over the Arrow chunks of `rows`, in the order of `rows`; yield what a task returns."""
    arrow_chunks = rows.mapInArrow(ArrowChunks(work.batch_rows), "chunk BINARY").toLocalIterator()
    batches = (batch for row in arrow_chunks for batch in pa.ipc.open_stream(pa.py_buffer(row["chunk"])))
    for result in work(batches):
        yield from result.to_pylist()


@dataclass(frozen=True)
class ArrowChunks:
    """Serialises record batches as Arrow chunks of at most `rows` rows and about `size` bytes."""

    rows: int
    size: int = ARROW_CHUNK_BYTES

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield one row per Arrow chunk (the function of `mapInArrow`)."""
        for batch in batches:
            each = max(1, batch.nbytes // max(1, batch.num_rows))
            step = max(1, min(self.rows, self.size // each))
            for at in range(0, batch.num_rows, step):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as stream:
                    stream.write_batch(batch.slice(at, step))
                yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["chunk"])


@dataclass(frozen=True)
class _CanConnect:
    host: str
    port: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            refusals = [_refusal(self.host, self.port)] * batch.num_rows
            yield pa.RecordBatch.from_arrays([pa.array(refusals, pa.string())], ["refusal"])


def _refusal(host: str, port: int) -> str | None:
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return None


def _address(connection: Connection) -> tuple[str, int]:
    parts = urlsplit(connection.uri)
    return parts.hostname or "", parts.port or BOLT_PORT
