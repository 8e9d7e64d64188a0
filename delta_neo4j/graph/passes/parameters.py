"""
The conversion of Arrow columns to the parameters of a Cypher statement.

A column is converted at once, by numpy if that is exact: below pyarrow 25 `to_pylist` of a vector column is 18 times
slower, and pandas turns integers into floats if there is a null.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from delta_neo4j.graph.bolt.points import point
from delta_neo4j.graph.bolt.unshown import Unshown


class Rows(Unshown):
    """
    The `$rows` of a statement: a list of maps.

    `vectors`: the distinct vectors of the rows, of which a row's `e` is the position (null: none); None if the rows
    have no vectors.
    """

    vectors: Unshown | None = None

    def with_vectors(self, row_vectors: list[list[float] | None]) -> Rows:
        """Return these rows, each with its vector; rows of one text share a list, which is sent once."""
        places = {id(vector): vector for vector in row_vectors if vector is not None}
        self.vectors = Unshown(places.values())
        numbers = {each: number for number, each in enumerate(places)}
        for row, vector in zip(self, row_vectors, strict=True):
            row["e"] = None if vector is None else numbers[id(vector)]
        return self

    def part(self, start: int, end: int) -> Rows:
        """Return some of the rows, with no other vectors than theirs."""
        rows = Rows(self[start:end])
        if self.vectors is None:
            return rows
        return rows.with_vectors([None if row["e"] is None else self.vectors[row["e"]] for row in rows])

    def parameters(self) -> dict[str, Any]:
        """Return the rows, and their vectors if they have any, as parameters of a statement."""
        return {"rows": self} if self.vectors is None else {"rows": self, "vectors": self.vectors}


def values(column: pa.Array) -> list[Any]:
    """Return a column (other than vectors) as Python values that the driver packs as the property's type."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _timestamps(column)
    if pa.types.is_map(kind):
        # As lists of pairs: the key and item arrays of a slice start at offsets of their own.
        return [
            pairs if pairs is None else {key: _in_utc(value) for key, value in pairs} for pairs in column.to_pylist()
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
    flat, at, lists = values(column.flatten()), 0, []
    for length in column.value_lengths().to_pylist():
        lists.append(None if length is None else flat[at : at + length])
        at += length or 0
    return lists


def _structs(column: pa.StructArray) -> list[Any]:
    names = [field.name for field in column.type]
    rows = zip(*(values(part) for part in column.flatten()), strict=True)
    is_valid = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if valid else None for row, valid in zip(rows, is_valid, strict=True)]


@dataclass(frozen=True)
class PropertyMaps:
    """
    Builds one map of a row's properties from the columns `p0`, `p1` and so on; `names` are the properties' names.

    `points` names structs that become points; `maps` names structs or maps whose values become properties of their own
    (`name.key`); every map sets the properties in `absent` to null, which removes them.
    """

    names: tuple[str, ...]
    points: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def of(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        """Return each row's map."""
        columns = {name: values(batch.column(f"p{i}")) for i, name in enumerate(self.names)}
        for name in self.points:
            columns[name] = [point(place) for place in columns[name]]
        names = tuple(columns)
        if not names:
            return [dict.fromkeys(self.absent)] * len(batch) if self.absent else [{}] * len(batch)
        property_maps = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for values_of_row in property_maps if self.maps or self.absent else ():
            for name in self.maps:
                values_of_row.update(_flattened(name, values_of_row.pop(name)))
            values_of_row.update(dict.fromkeys(self.absent))
        return property_maps


def _flattened(name: str, content: Any) -> dict[str, Any]:
    return {f"{name}.{key}": value for key, value in (content or {}).items()}


def _exact_in_numpy(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )


def _timestamps(column: pa.Array) -> list[Any]:
    # Values with a zone have the session's zone; UTC with a plain offset is the same instant on every machine.
    zoned = column.type.tz is not None
    naive = column.cast(pa.timestamp("us", "UTC" if zoned else None)).to_numpy(zero_copy_only=False)
    moments = naive.astype("datetime64[us]").tolist()
    return [moment.replace(tzinfo=dt.UTC) if zoned and moment else moment for moment in moments]


def epochs(column: pa.Array) -> tuple[list[int | None], list[int | None]]:
    """
    Return dates and timestamps as (seconds since 1970, further nanoseconds); null stays None.

    The statement builds the temporal value from these two integers, exact to the microsecond: the driver would spend
    30-50 µs on a Python datetime, more than on a vector.
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
    Return vectors, float32 bytes or lists of numbers in the column, as lists of floats; null stays None.

    Rows with the same bytes share one list: a thousand rows with fifty texts need fifty conversions.
    """
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return _listed(column)
    packed = column.to_pylist()
    distinct = [value for value in dict.fromkeys(packed) if value is not None]
    flat = np.frombuffer(b"".join(distinct), dtype="<f4")
    unpacked = flat.reshape(len(distinct), -1).tolist() if distinct else []
    by_bytes = dict(zip(distinct, unpacked, strict=True))
    return [by_bytes.get(value) for value in packed]


def _listed(column: pa.Array) -> list[list[float] | None]:
    present = column.drop_null()
    flat = present.flatten().to_numpy(zero_copy_only=False)
    lists = iter(flat.reshape(len(present), -1).tolist() if len(present) else ())
    return [next(lists) if valid else None for valid in column.is_valid().to_pylist()]
