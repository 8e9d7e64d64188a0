"""Answers of model servers, in every form that is known; another one is unreadable."""

from __future__ import annotations

import sys

import pytest

from delta_neo4j.embedding.rest.answers import UnreadableAnswerError, decoded, vectors

PAIR = [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": PAIR},
        PAIR,
        {"data": [{"index": 1, "embedding": PAIR[1]}, {"index": 0, "embedding": PAIR[0]}]},
        {"predictions": {"data": [{"index": 0, "embedding": PAIR[0]}, {"index": 1, "embedding": PAIR[1]}]}},
        {"predictions": [{"embedding": PAIR[0]}, {"embedding": PAIR[1]}]},
        {"predictions": [{"0": PAIR[0]}, {"0": PAIR[1]}]},
        {"data": [{"embedding": PAIR[0]}, {"embedding": PAIR[1]}]},
    ],
)
def test_known_shapes_are_read_in_order(answer):
    """Databricks, MLflow and OpenAI forms give the same vectors."""
    assert [vector.tolist() for vector in vectors(answer, 2)] == PAIR


@pytest.mark.parametrize(
    "answer",
    [
        {"predictions": PAIR[:1]},
        {"error": "x"},
        {"predictions": [[1.0], "x"]},
        {"predictions": [[1.0], ["x"]]},
        {"predictions": [[1.0], [[1.0], [2.0]]]},
        {"predictions": [[1.0], [[1.0], 2.0]]},
        {"predictions": [{"a": [1.0], "b": [1.0]}] * 2},
        {"data": [{"index": 0, "embedding": PAIR[0]}] * 2},
        {"data": [{"index": 0}, {"index": 1}]},
        {"data": PAIR},
        {"data": [{"index": [0], "embedding": PAIR[0]}] * 2},
        None,
        3,
    ],
)
def test_another_count_or_shape_is_unreadable(answer):
    """One vector for two texts is a known way to lose a row, and is refused."""
    with pytest.raises(UnreadableAnswerError):
        vectors(answer, 2)


@pytest.mark.parametrize("broken", [b"", b'{"predictions": [[1.0', b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_unreadable(monkeypatch, broken):
    """By the fast parser and by the standard one, which a worker without pydantic uses."""
    for module in (sys.modules["pydantic_core"], None):
        monkeypatch.setitem(sys.modules, "pydantic_core", module)
        assert decoded(b'{"predictions": [[NaN, 1.5, null]]}')["predictions"][0][1:] == [1.5, None]
        with pytest.raises(UnreadableAnswerError):
            decoded(broken)
