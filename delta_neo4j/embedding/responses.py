"""The shapes in which model servers answer, read into one matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from delta_neo4j.embedding.base import Vector  # noqa: TC001  # one name for one shape


class UnreadableAnswerError(ValueError):
    """The answer is not one vector a text."""


def vectors(answer: Any, texts: int) -> list[Vector]:
    """
    Read `texts` vectors (float32, 1-d) out of a decoded JSON answer.

    Known: a Databricks or MLflow `predictions` list, a bare list, and the OpenAI form (`data` with `index`).
    An answer of another count raises: one vector for two texts is a known way to lose rows.
    """
    found = answer.get("predictions", answer) if isinstance(answer, dict) else answer
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        found = [item["embedding"] for item in sorted(found["data"], key=lambda item: item.get("index", 0))]
    if not isinstance(found, list):
        raise UnreadableAnswerError("no list of vectors in the answer")
    rows = [item["embedding"] if isinstance(item, dict) and "embedding" in item else item for item in found]
    if len(rows) != texts:
        raise UnreadableAnswerError(f"{len(rows)} vectors for {texts} texts")
    try:
        return [_vector(row) for row in rows]
    except (TypeError, ValueError) as error:
        raise UnreadableAnswerError(f"a vector holds something else than numbers: {error}") from error


def _vector(row: Any) -> Vector:
    if not isinstance(row, list) or not row:
        raise TypeError("not a list of numbers")
    # Servers print NaN as null or as a string; both become NaN here and a fault of that text alone.
    return np.array([float("nan") if value is None else value for value in row], dtype=np.float32)
