"""The conversion of record batches to rows of a statement, as far as several passes share it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.errors import BalanceError
from delta_neo4j.graph.passes.parameters import PropertyMaps, Rows, epochs

NO_PROPERTIES = PropertyMaps(())


def check_vectors(row_vectors: list[list[float] | None], wanted: list[bool]) -> None:
    """Raise `BalanceError` unless each row has a vector exactly if `wanted` says so."""
    lost = sum(1 for vector, needs in zip(row_vectors, wanted, strict=True) if (vector is not None) != needs)
    if lost:
        raise BalanceError(f"{lost} rows of one transaction have a text but no vector, or the reverse: texts were lost")


def keys(width: int) -> list[str]:
    """Return the names of a key's columns: k0, k1 and so on."""
    return [f"k{i}" for i in range(width)]


def rowwise(columns: dict[str, list[Any]]) -> Rows:
    """Return columns as rows."""
    return Rows(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def numbered(batch: pa.RecordBatch) -> dict[str, list[int]]:
    """Return the column `i`: the number of each row in its transaction."""
    return {"i": list(range(len(batch)))}


def moments(batch: pa.RecordBatch, count: int) -> dict[str, list[int | None]]:
    """Return the columns s0…, n0…: seconds and nanoseconds of the temporal properties d0 and so on."""
    columns: dict[str, list[int | None]] = {}
    for i in range(count):
        columns[f"s{i}"], columns[f"n{i}"] = epochs(batch.column(f"d{i}"))
    return columns
