"""Answers of model servers, requests cut from a stream, and what is checked of every vector."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from delta_neo4j.embedding import payload, rest
from delta_neo4j.embedding.base import Calls, Embedded, checked, lowest_cosine, requests_of
from delta_neo4j.embedding.faults import retry_after
from delta_neo4j.embedding.responses import UnreadableAnswerError, decoded, vectors
from delta_neo4j.embedding.rest import RestEmbedder
from delta_neo4j.errors import EndpointUnavailableError, ModelIdentityError, SettingsError
from tests.support.endpoint import serving, vector_of

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


def test_requests_are_cut_by_texts_and_by_characters():
    """Order is kept, nothing is lost, one long text travels alone."""
    texts = ["aa", "bb", "c" * 50, "dd", "ee", "ff"]
    cut = list(requests_of(texts, 2, 10))
    assert cut == [["aa", "bb"], ["c" * 50], ["dd", "ee"], ["ff"]]


def test_requests_are_cut_by_the_bytes_they_are_sent_as():
    """A letter that JSON escapes weighs six bytes; nothing is lost, one long text travels alone."""
    texts = ["я" * 10, "a" * 10, "a" * 10, "a" * 10, "я" * 100, "a"]
    cut = list(requests_of(texts, 3, 110, payload.weight))
    assert cut == [texts[:2], texts[2:4], texts[4:5], texts[5:]]
    assert all(len(json.dumps(payload.body("dataframe_records", part))) < 150 for part in cut if part != texts[4:5])
    assert list(requests_of(map(str, range(7)), 3, 10_000, payload.weight)) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


@pytest.mark.parametrize("broken", [b"", b'{"predictions": [[1.0', b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_unreadable(monkeypatch, broken):
    """By the fast parser and by the standard one, which a worker without pydantic uses."""
    for module in (sys.modules["pydantic_core"], None):
        monkeypatch.setitem(sys.modules, "pydantic_core", module)
        assert decoded(b'{"predictions": [[NaN, 1.5, null]]}')["predictions"][0][1:] == [1.5, None]
        with pytest.raises(UnreadableAnswerError):
            decoded(broken)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3), ("0.5", 0.5), ("-1", 0), ("", None), ("soon", None), ("nan", None), ("inf", None),
        ("Wed, 21 Oct 2026 07:28:07 GMT", 7), ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
        ("Wednesday, 21-Oct-26 07:28:07 GMT", 7), ("Wed Oct 21 07:28:07 2026", 7),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_moment_of_the_servers_clock(header, seconds):
    """Every form of date that HTTP knows, held against the answer's own."""
    assert retry_after({"Retry-After": header, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}) == seconds


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


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """Our own pauses, not those asked for, are a few hundredths of a second."""
    monkeypatch.setattr(rest, "FIRST_PAUSE", 0.01)


def _embed(endpoint, texts, wait=5.0):
    calls = Calls()
    return list(RestEmbedder(endpoint.url, "e", None, wait).embed_texts(texts, calls)), calls


def test_rest_gives_each_text_its_vector_once():
    """Many requests at once mix nothing up."""
    texts = [f"text {n}" for n in range(700)]
    with serving() as endpoint:
        answers, calls = _embed(endpoint, texts)
    assert sorted(answer.text for answer in answers) == sorted(texts)
    assert all(np.allclose(answer.vector, vector_of(answer.text)) for answer in answers[::50])
    assert calls.calls == endpoint.requests == 6


@pytest.mark.parametrize("status", [429, 503, 500])
def test_rest_waits_out_a_busy_or_failing_server(status):
    """Twice refused, then answered: nothing lost, both retries counted."""
    with serving() as endpoint:
        refusals = iter([True, True])
        endpoint.answer = lambda _: (status, {"Retry-After": "0"}, "") if next(refusals, False) else None
        answers, calls = _embed(endpoint, ["a", "b"])
    assert [answer.text for answer in answers] == ["a", "b"]
    assert calls.retries == 2


def test_rest_bisects_to_the_poison_text():
    """One bad text of 128 is one fault; each good text is embedded once."""
    texts = [f"text {n}" for n in range(128)]
    with serving() as endpoint:
        endpoint.answer = lambda batch: (400, {}, "bad") if "text 77" in batch else None
        answers, _ = _embed(endpoint, texts)
    assert [answer.text for answer in answers if answer.fault] == ["text 77"]
    assert sorted(endpoint.texts) == sorted(set(texts) - {"text 77"})


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ((401, {}, "no"), SettingsError, "EMBEDDING_TOKEN"),
        ((404, {}, "no"), SettingsError, "404"),
        ((400, {}, "Resource does not support direct Data Plane access"), SettingsError, "direct Data Plane access"),
        ((429, {"Retry-After": "0.01"}, "busy"), EndpointUnavailableError, "HTTP 429"),
        ((200, {}, '{"predictions": [[1.0'), EndpointUnavailableError, "unreadable"),
    ],
)
def test_rest_stops_with_one_line_where_waiting_is_no_use(reply, error, words):
    """Token, address, busy for too long, and answers that cannot be read."""
    with serving() as endpoint:
        endpoint.answer = lambda _: reply
        with pytest.raises(error, match=words) as caught:
            _embed(endpoint, ["a"], wait=0.05)
    assert "\n" not in str(caught.value)


def test_the_token_is_sent_and_not_shown():
    """Bearer token in the header; repr hides it."""
    embedder = RestEmbedder("http://x/invocations", "e", "tok-en")
    assert "tok-en" not in repr(embedder)
