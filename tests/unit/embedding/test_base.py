"""Requests cut from a stream of texts, and what is checked of every vector."""

from __future__ import annotations

import numpy as np
import pytest

from delta_neo4j.embedding.base import Embedded, checked, lowest_cosine, requests_of
from delta_neo4j.errors import ModelIdentityError


def test_requests_are_cut_by_texts_and_by_characters():
    """Order is kept, nothing is lost, one long text travels alone."""
    texts = ["aa", "bb", "c" * 50, "dd", "ee", "ff"]
    cut = list(requests_of(texts, 2, 10))
    assert cut == [["aa", "bb"], ["c" * 50], ["dd", "ee"], ["ff"]]


def test_unusable_vectors_are_faults_and_another_dimension_stops():
    """NaN, infinity and zeros cost one text; another width is another model."""
    bad = [np.array([np.nan, 1], dtype=np.float32), np.zeros(2, np.float32), np.array([np.inf, 0], np.float32)]
    assert all(a.fault for a in checked([Embedded("t", vector) for vector in bad], 2))
    with pytest.raises(ModelIdentityError, match="3 values"):
        list(checked([Embedded("t", np.ones(3, np.float32))], 2))


def test_the_worst_pair_decides_whether_models_are_the_same():
    """Cosine is per probe; one that differs is enough."""
    one = np.eye(3, dtype=np.float32)
    other = one.copy()
    other[2] = [1, 0, 0]
    assert lowest_cosine(one, one) == pytest.approx(1)
    assert lowest_cosine(one, other) == pytest.approx(0)
