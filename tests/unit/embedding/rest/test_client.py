"""A text at fault is found and costs its own rows alone; what the server takes is learned once."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from delta_neo4j.embedding.base import PROBES, Calls, Embedded, checked
from delta_neo4j.embedding.rest.embedder import RestEmbedder
from delta_neo4j.embedding.rest.limits import RestLimits
from delta_neo4j.errors import EndpointUnavailableError, ModelIdentityError
from tests.support.endpoint import serving, vector_of

LIMITS = RestLimits(first_pause=0.001, longest_pause=0.01, shortest_pause=0.001, attempts=3)
TEXTS = [f"text {number}" for number in range(299)]


@pytest.fixture
def endpoint():
    """A server that answers with the right vectors until a test changes it."""
    with serving() as running:
        yield running


def _embed(endpoint, texts, wait_seconds=5.0):
    calls, settled = Calls(), {"form": "dataframe_records"}
    embedder = RestEmbedder(endpoint.url, "e", wait_seconds=wait_seconds, limits=LIMITS, settled=settled)
    answers = {answer.text: answer for answer in embedder.embed_texts(texts, calls)}
    assert calls.calls == endpoint.requests
    return answers, embedder


def _fails_at(poison, status):
    """Answer with a status whenever a certain text is in the request; a missing vector if the status is 200."""

    def answer(texts):
        if poison not in texts:
            return None
        rows = [vector_of(text).tolist() for text in texts if text != poison]
        where = {"Location": "http://127.0.0.1:9/blocked"} if status == 302 else {}
        return status, where, json.dumps({"predictions": rows}) if status == 200 else "cannot"

    return answer


@pytest.mark.parametrize("status", [500, 424, 502, 504, 200, 401, 403, 404, 302])
def test_a_text_that_makes_the_server_fail_is_a_fault_of_its_own(endpoint, status):
    """Whatever the server answers with that text: the 299 others have vectors, the reason names status and text."""
    endpoint.answer = _fails_at("a poisoned text", status)
    answers, _ = _embed(endpoint, [*TEXTS[:150], "a poisoned text", *TEXTS[150:]])
    faults = {text: answer.fault for text, answer in answers.items() if answer.fault}
    assert list(faults) == ["a poisoned text"]
    assert "fails at this text alone 'a poisoned text'" in faults["a poisoned text"]
    assert len(answers) == 300


def test_a_run_whose_only_text_is_at_fault_ends(endpoint):
    """The probe between the attempts is what tells it from an endpoint that is down."""
    endpoint.answer = _fails_at("alone", 500)
    answers, _ = _embed(endpoint, ["alone"])
    assert "HTTP 500" in answers["alone"].fault


def test_an_endpoint_that_fails_at_everything_stops_the_run(endpoint):
    """No text is blamed when the probe fails too."""
    endpoint.answer = lambda _: (500, {}, "out of memory")
    with pytest.raises(EndpointUnavailableError, match=r"HTTP 500 out of memory.*run again"):
        _embed(endpoint, TEXTS)


@pytest.mark.parametrize("takes", [32, 10, 1])
def test_the_number_of_texts_that_a_server_takes_is_learned(endpoint, takes):
    """Only the requests that were under way when it was found out are halved; the run remembers it."""
    endpoint.answer = lambda texts: (413, {}, f"batch size {len(texts)} > {takes}") if len(texts) > takes else None
    texts = [f"text {number}" for number in range(10 * 128 if takes > 1 else 600)]
    answers, embedder = _embed(endpoint, texts)
    assert not [answer for answer in answers.values() if answer.fault]
    learned = embedder.settled["texts"]
    assert takes / 2 < learned <= takes
    refused = 4 * 2 * 128 / learned  # at most twice the answered parts of the four requests under way
    assert endpoint.requests <= len(texts) / learned + refused
    # The last text is in a request that began after another one was answered.
    assert max(len(asked) for _, asked in endpoint.arrivals if texts[-1] in asked) <= learned


def test_a_refused_text_says_nothing_of_the_size(endpoint):
    """One bad text in a request does not make the later requests small."""
    endpoint.answer = lambda texts: (400, {}, "bad text") if "bad" in texts else None
    answers, embedder = _embed(endpoint, [*TEXTS[:100], "bad", *TEXTS[100:]])
    assert [text for text, answer in answers.items() if answer.fault] == ["bad"]
    assert "texts" not in embedder.settled


@pytest.mark.parametrize("status", [413, 400, 500])
def test_a_text_too_long_for_the_server_is_asked_by_its_beginning(endpoint, status):
    """As much as the model reads is sent; the vector belongs to the whole text."""
    words = [f"word{number}" for number in range(20_000)]
    long = " ".join(words)
    endpoint.answer = lambda texts: (status, {}, "too long") if sum(map(len, texts)) > 60_000 else None
    answers, _ = _embed(endpoint, ["short", long])
    assert answers[long].fault is None
    (beginning,) = {text for text in endpoint.texts if text.startswith("word0 ")}
    assert long.startswith(beginning)
    assert 200 < len(beginning) < 2_000
    assert np.array_equal(answers[long].vector, vector_of(beginning))


def test_probes_are_few(endpoint):
    """One probe for each failed part, not for each attempt."""
    endpoint.answer = _fails_at("poison", 500)
    _embed(endpoint, [*TEXTS[:127], "poison"])
    asked = Counter(text for _, texts in endpoint.arrivals for text in texts)
    assert asked[PROBES[0]] <= 9  # 128 texts are halved seven times


@pytest.mark.parametrize("status", [429, 503])
def test_a_text_at_which_the_server_is_always_busy_is_waited_for_once(endpoint, status):
    """After the time that the run waits, a probe that is answered shows whose fault it is."""
    endpoint.answer = _fails_at("poison", status)
    answers, _ = _embed(endpoint, [*TEXTS[:20], "poison"], wait_seconds=0.2)
    assert [text for text, answer in answers.items() if answer.fault] == ["poison"]
    assert f"HTTP {status}" in answers["poison"].fault


def test_a_server_that_a_text_ends_is_waited_for(endpoint):
    """The probe comes again while the server starts anew."""
    down = []

    def answer(texts):
        if "poison" in texts:
            down[:] = [True, True]
            return 502, {}, "worker died"
        return (503, {}, "starting") if down and down.pop() else None

    endpoint.answer = answer
    answers, _ = _embed(endpoint, ["a", "b", "c", "poison"])
    assert [text for text, each in answers.items() if each.fault] == ["poison"]
    assert len(answers) == 4


def test_one_text_with_another_number_of_values_is_a_fault_of_its_own(endpoint):
    """So is one with a number that no float holds."""
    odd = {"short": [0.5] * 383, "huge": [10**400, *[0.5] * 383]}

    def answer(texts):
        rows = [odd.get(text, vector_of(text).tolist()) for text in texts]
        return 200, {}, json.dumps({"predictions": rows})

    endpoint.answer = answer
    answers, _ = _embed(endpoint, [*TEXTS[:9], "short", "huge"])
    found = {each.text: each.fault for each in checked(answers.values(), 384)}
    assert [text for text, fault in found.items() if fault] == ["huge", "short"]
    assert "383 values, not 384" in found["short"]
    with pytest.raises(ModelIdentityError, match="383 values"):
        list(checked([Embedded(text, np.ones(383, np.float32)) for text in "abc"], 384))


def test_a_size_that_the_server_cannot_hold_is_learned(endpoint):
    """Whatever it answers to a larger request, later requests are as small as those that it answered."""
    endpoint.answer = lambda texts: (500, {}, "out of memory") if len(texts) > 32 else None
    _, embedder = _embed(endpoint, [f"text {number}" for number in range(1_280)])
    assert embedder.settled["texts"] == 32
    assert endpoint.requests < 90
