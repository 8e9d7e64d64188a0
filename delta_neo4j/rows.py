"""
Arrow record batches to the parameters of a Cypher statement.

Columns are converted whole, by numpy where that is exact: `to_pylist` on a vector column is 18 times slower
below pyarrow 25, and pandas turns null integers into floats.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


class Rows(list[dict[str, Any]]):
    """
    The rows parameter, with a short repr.

    `neo4j` formats every parameter for a debug line that is off; with 384 floats a row that costs more than
    everything else together. A list subclass is packed like a list, and row contents stay out of logs.
    """

    def __repr__(self) -> str:
        """Give the size only."""
        return f"<{len(self)} rows>"


def values(column: pa.Array) -> list[Any]:
    """Convert a scalar column to Python values that the driver packs as the property's type."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _timestamps(column)
    if pa.types.is_map(kind):
        # Lists of pairs; a slice's keys and items would have to be found by offsets.
        return [
            found if found is None else {key: _in_utc(value) for key, value in found} for found in column.to_pylist()
        ]
    if pa.types.is_list(kind):
        return _lists(column)
    if pa.types.is_struct(kind):
        return _structs(column)
    if column.null_count or not _exact_in_numpy(kind):
        return list(column.to_pylist())
    return list(column.to_numpy(zero_copy_only=False).tolist())


def _in_utc(value: Any) -> Any:
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) and value.tzinfo else value


def _lists(column: pa.ListArray) -> list[Any]:
    flat, at, found = values(column.flatten()), 0, []
    for length in column.value_lengths().to_pylist():
        found.append(None if length is None else flat[at : at + length])
        at += length or 0
    return found


def _structs(column: pa.StructArray) -> list[Any]:
    names = [field.name for field in column.type]
    rows = zip(*(values(part) for part in column.flatten()), strict=True)
    there = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if valid else None for row, valid in zip(rows, there, strict=True)]


@dataclass(frozen=True)
class Bags:
    """
    The properties of a row as one map: columns `p0`, `p1` … under their graph names.

    `points` are structs that become points, `maps` structs or maps whose values become properties of their
    own (`name.key`), `absent` names that every bag takes away.
    """

    names: tuple[str, ...]
    points: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def of(self, batch: pa.RecordBatch, more: dict[str, list[Any]] | None = None) -> list[dict[str, Any]]:
        """Give each row's map; `more` are values by name beside the columns."""
        columns = {name: values(batch.column(f"p{i}")) for i, name in enumerate(self.names)} | (more or {})
        for name in self.points:
            columns[name] = [_point(place) for place in columns[name]]
        names = tuple(columns)
        if not names:
            return [dict.fromkeys(self.absent)] * len(batch) if self.absent else [{}] * len(batch)
        bags = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for bag in bags if self.maps or self.absent else ():
            for name in self.maps:
                bag.update(_flattened(name, bag.pop(name)))
            bag.update(dict.fromkeys(self.absent))
        return bags


def _flattened(name: str, found: Any) -> dict[str, Any]:
    return {f"{name}.{key}": value for key, value in (found or {}).items()}


def _point(place: dict[str, float] | None) -> Any:
    from neo4j import spatial

    if place is None:
        return None
    if "longitude" in place:
        return spatial.WGS84Point([float(place[name]) for name in ("longitude", "latitude", "height") if name in place])
    return spatial.CartesianPoint([float(place[name]) for name in ("x", "y", "z") if name in place])


def _exact_in_numpy(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )


def _timestamps(column: pa.Array) -> list[Any]:
    # Zoned values arrive in the session's zone; UTC with a plain offset is the same instant everywhere.
    zoned = column.type.tz is not None
    naive = column.cast(pa.timestamp("us", "UTC" if zoned else None)).to_numpy(zero_copy_only=False)
    moments = naive.astype("datetime64[us]").tolist()
    return [moment.replace(tzinfo=dt.UTC) if zoned and moment else moment for moment in moments]


def epochs(column: pa.Array) -> tuple[list[int | None], list[int | None]]:
    """
    Convert dates and timestamps to (seconds since 1970, nanoseconds above them); null stays None.

    The driver spends 30-50 µs on a Python datetime, more than on a vector; the statement builds the temporal
    value from two integers instead, exact to the microsecond.
    """
    unit = pa.date32() if pa.types.is_date(column.type) else pa.timestamp("us", column.type.tz)
    days_or_micros = column.cast(unit).view(pa.int32() if unit == pa.date32() else pa.int64())
    numbers = np.asarray(days_or_micros.fill_null(0), dtype=np.int64)
    if unit == pa.date32():
        seconds, nanoseconds = numbers * 86_400, numbers * 0
    else:
        seconds, micros = np.divmod(numbers, 1_000_000)
        nanoseconds = micros * 1_000
    pairs = (seconds.tolist(), nanoseconds.tolist())
    if not column.null_count:
        return pairs
    valid = column.is_valid().to_pylist()
    kept = [[number if ok else None for number, ok in zip(part, valid, strict=True)] for part in pairs]
    return kept[0], kept[1]


def vectors(column: pa.Array) -> list[list[float] | None]:
    """
    Convert vectors, as float32 bytes or as lists of numbers, to lists of floats; null stays None.

    Rows with the same bytes share one list: fifty texts over a thousand rows are fifty conversions.
    """
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return _listed(column)
    packed = column.to_pylist()
    distinct = [value for value in dict.fromkeys(packed) if value is not None]
    flat = np.frombuffer(b"".join(distinct), dtype="<f4")
    unpacked = flat.reshape(len(distinct), -1).tolist() if distinct else []
    found = dict(zip(distinct, unpacked, strict=True))
    return [found.get(value) for value in packed]


def _listed(column: pa.Array) -> list[list[float] | None]:
    present = column.drop_null()
    flat = present.flatten().to_numpy(zero_copy_only=False)
    found = iter(flat.reshape(len(present), -1).tolist() if len(present) else ())
    return [next(found) if valid else None for valid in column.is_valid().to_pylist()]
