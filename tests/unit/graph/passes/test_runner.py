"""Where passes run, and that rows arrive on the driver as tasks would have had them."""

from __future__ import annotations

import datetime as dt
import socket

import pyarrow as pa
import pytest

from delta_neo4j.graph.passes.runner import ArrowChunks, _address, _refusal
from delta_neo4j.settings.connection import Connection

SCHEMA = pa.schema(
    [
        ("k0", pa.string()),
        ("size", pa.int64()),
        ("at", pa.timestamp("us", "America/New_York")),
        ("vector", pa.binary()),
        ("listed", pa.list_(pa.float32())),
    ]
)


def _batch(rows):
    moment = dt.datetime(2024, 8, 15, 14, 30, tzinfo=dt.UTC)
    values = [(f"k{n}", None if n % 3 else n, moment, bytes(40), [0.5, n]) for n in range(rows)]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(zip(*values, strict=True), SCHEMA, strict=True)],
        schema=SCHEMA,
    )


def _opened(parcels):
    for batch in parcels:
        for parcel in batch.column("chunk"):
            yield from pa.ipc.open_stream(parcel.as_buffer())


def test_parcels_hold_every_row_with_its_types_and_nulls():
    """Zones, nulls, lists and bytes are what they were, in order, whatever slice the batch was."""
    batch = _batch(25)
    opened = list(_opened(ArrowChunks(rows=10)([batch.slice(2, 21), batch.slice(0, 0), batch.slice(24)])))
    assert [part.num_rows for part in opened] == [10, 10, 1, 1]
    assert pa.Table.from_batches(opened).equals(pa.Table.from_batches([batch.slice(2, 21), batch.slice(24)]))


def test_a_parcel_is_bounded_by_bytes():
    """However many rows a transaction takes, a parcel has no more bytes than it may, or one row."""
    batch = _batch(100)
    each = batch.nbytes // 100
    parcels = list(ArrowChunks(rows=1_000, size=10 * each)([batch]))
    assert len(parcels) == 10
    assert [len(list(_opened([parcel]))) for parcel in parcels] == [1] * 10
    assert len(list(ArrowChunks(rows=1_000, size=1)([batch]))) == 100


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("neo4j+s://x.databases.neo4j.io", ("x.databases.neo4j.io", 7687)),
        ("bolt://10.0.0.1:7000", ("10.0.0.1", 7000)),
        ("neo4j://[::1]:7688", ("::1", 7688)),
    ],
)
def test_the_port_knocked_at_is_the_one_that_the_driver_would_open(uri, address):
    """The address of the settings, on Bolt's own port where it names none."""
    assert _address(Connection(uri, "neo4j", "secret")) == address


def test_a_port_that_answers_is_told_from_one_that_does_not():
    """A listener is no refusal; when it is gone the reason is the system's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert _refusal("127.0.0.1", port) is None
    assert "refused" in _refusal("127.0.0.1", port)
