"""
Where the writer's passes run: in Spark tasks where these can open a connection to Neo4j, on the driver where not.

Serverless compute gives Python in tasks no network. There the tasks only put a pass's rows into parcels of Arrow,
a few megabytes each; the driver takes them one after the other and runs the very same pass over them.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from delta_neo4j.errors import GraphUnavailableError, recovered
from delta_neo4j.spark_errors import SPARK_ERRORS
from delta_neo4j.writer import OUTPUT, Pass, Written, gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.plan import Connection

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
PARCEL_BYTES = 4_000_000  # what the driver holds of a pass at a time, with what the transaction makes of it
BOLT_PORT = 7687


@dataclass
class Reach:
    """How a run's passes get to Neo4j; what is found out once holds for the rest of the run."""

    from_tasks: bool = True

    def write(self, rows: DataFrame, work: Pass) -> Written:
        """
        Run a pass over rows, where it can.

        A pass that failed because the tasks have no way to Neo4j, and this process has, is run again from here:
        what its tasks may have written meanwhile it finds unchanged.
        """
        if self.from_tasks:
            try:
                return gather(rows.mapInArrow(work, OUTPUT).collect())
            except SPARK_ERRORS as error:
                if not isinstance(recovered(str(error)), GraphUnavailableError) or _same_from_here(rows, work):
                    raise
                self.from_tasks = False
        return gather(on_driver(rows, work))


def _same_from_here(rows: DataFrame, work: Pass) -> bool:
    """Tell whether a pass that failed in tasks would fail here too: Neo4j is away from here, or not from there."""
    host, port = _address(work.connection)
    return _refusal(host, port) is not None or tasks_reach(rows.sparkSession, work.connection, 1)


def found(spark: SparkSession, connection: Connection, tasks: int) -> Reach:
    """
    Find out how a run's passes get to Neo4j.

    Tasks are asked only where the session is one of Spark Connect, as on serverless: elsewhere they have the
    network that the driver has, and a job is a second.
    """
    return Reach(not is_connect(spark) or tasks_reach(spark, connection, tasks))


def is_connect(spark: SparkSession) -> bool:
    """Tell whether the session is one of Spark Connect (its classes cannot be imported everywhere)."""
    return type(spark).__module__.startswith("pyspark.sql.connect")


def tasks_reach(spark: SparkSession, connection: Connection, tasks: int) -> bool:
    """Let so many tasks open a connection to Neo4j's port; true when each of them could."""
    host, port = _address(connection)
    knocks = spark.range(0, tasks, 1, tasks).mapInArrow(_Knock(host, port), "refusal STRING").collect()
    refusals = sorted({row["refusal"] for row in knocks if row["refusal"] is not None})
    if refusals:
        log.info("tasks.refused", extra={"host": host, "port": port, "reason": refusals[0], "writing": "driver"})
    return not refusals


def on_driver(rows: DataFrame, work: Pass) -> Iterator[dict[str, Any]]:
    """Run a pass here, over parcels that the tasks make; order and partitions are those of `rows`."""
    parcels = rows.mapInArrow(Parcels(work.batch_rows), "parcel BINARY").toLocalIterator()
    batches = (batch for row in parcels for batch in pa.ipc.open_stream(pa.py_buffer(row["parcel"])))
    for told in work(batches):
        yield from told.to_pylist()


@dataclass(frozen=True)
class Parcels:
    """Puts record batches, cut to at most `rows` rows and `PARCEL_BYTES`, into Arrow's own bytes."""

    rows: int
    size: int = PARCEL_BYTES

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give one row a parcel (the function of `mapInArrow`)."""
        for batch in batches:
            each = max(1, batch.nbytes // max(1, batch.num_rows))
            step = max(1, min(self.rows, self.size // each))
            for at in range(0, batch.num_rows, step):
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as stream:
                    stream.write_batch(batch.slice(at, step))
                yield pa.RecordBatch.from_arrays([pa.array([sink.getvalue().to_pybytes()], pa.binary())], ["parcel"])


@dataclass(frozen=True)
class _Knock:
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
