"""Arrow to parameters: exact for every type, nulls included."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from delta_neo4j.graph.passes.parameters import Rows, epochs, values, vectors


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", "b"]), ["a", "b"]),
        (pa.array(["a", None]), ["a", None]),
        (pa.array([1, 2**62]), [1, 2**62]),
        (pa.array([1, None]), [1, None]),
        (pa.array([0.1, float("inf")]), [0.1, float("inf")]),
        (pa.array([True, None]), [True, None]),
        (pa.array([dt.date(1, 1, 1), None]), [dt.date(1, 1, 1), None]),
        (pa.array([dt.datetime(2024, 8, 15, 14, 30), None]), [dt.datetime(2024, 8, 15, 14, 30), None]),  # noqa: DTZ001
    ],
)
def test_values_keep_their_type_and_their_nulls(column, expected):
    """A null integer stays an integer column with a None, never a float NaN."""
    found = values(column)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_zoned_timestamps_become_utc_with_a_plain_offset():
    """The same instant is the same value whatever the session's zone."""
    moment = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
    column = pa.array([moment, None], pa.timestamp("us", "America/New_York"))
    assert values(column) == [moment, None]
    assert values(column)[0].tzinfo is dt.UTC


def test_moments_travel_as_two_integers():
    """Seconds and nanoseconds, exact to the microsecond before 1970 too; a zone changes nothing; null stays null."""
    moments = [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999), dt.datetime(2024, 8, 15, 14, 30), None]  # noqa: DTZ001
    assert epochs(pa.array(moments, pa.timestamp("us"))) == ([-1, 1_723_732_200, None], [999_999_000, 0, None])
    zoned = pa.array([moments[1]], pa.timestamp("us", "America/New_York"))
    assert epochs(zoned) == ([1_723_732_200], [0])
    assert epochs(pa.array([dt.date(1970, 1, 2), dt.date(1, 1, 1)])) == ([86_400, -62_135_596_800], [0, 0])


def test_vectors_come_from_bytes_and_from_lists_alike():
    """float32 bytes and lists give the same floats; null stays None; slices are honoured."""
    matrix = np.arange(12, dtype="<f4").reshape(3, 4)
    packed = pa.array([matrix[0].tobytes(), None, matrix[2].tobytes()])
    listed = pa.array([matrix[0].tolist(), None, matrix[2].tolist()], pa.list_(pa.float32()))
    expected = [matrix[0].tolist(), None, matrix[2].tolist()]
    assert vectors(packed) == expected
    assert vectors(listed) == expected
    assert vectors(packed.slice(1, 2)) == expected[1:]
    assert vectors(listed.slice(2, 1)) == expected[2:]


def test_the_rows_parameter_shows_its_size_only():
    """Row contents stay out of logs, and formatting them costs nothing."""
    assert repr(Rows([{"secret": 1}] * 3)) == "<3 items>"
    assert repr(Rows([{}]).with_vectors([[1.0]]).parameters()["vectors"]) == "<1 items>"


def test_a_vector_travels_once_for_all_rows_that_share_it():
    """Also when the rows are cut into parts: each part has its own vectors and no others."""
    one, two = [1.0, 2.0], [3.0, 4.0]
    rows = Rows({"k0": number} for number in range(4)).with_vectors([one, two, None, one])
    assert ([row["e"] for row in rows], rows.parameters()["vectors"]) == ([0, 1, None, 0], [one, two])
    part = rows.part(1, 3)
    assert ([row["e"] for row in part], part.parameters()["vectors"]) == ([0, None], [two])
