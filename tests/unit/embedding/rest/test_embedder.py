"""The faults of real model servers, one by one: nothing lost, nothing embedded twice, clear words where it stops."""

from __future__ import annotations

import pickle
import re
import threading
import time
from collections import Counter, deque
from dataclasses import replace
from email.utils import formatdate

import numpy as np
import pytest

from delta_neo4j.embedding.base import PROBES, Calls, checked, probe
from delta_neo4j.embedding.rest.embedder import RestEmbedder
from delta_neo4j.embedding.rest.limits import RestLimits
from delta_neo4j.errors import EndpointUnavailableError, LoaderError, ModelIdentityError, NotOfferedError, SettingsError
from tests.support.endpoint import DIMENSION, Fault, serving, vector_of

PER_REQUEST = 16
TEXTS = [f"text {number}" for number in range(6 * PER_REQUEST)]
# Small requests, and pauses of the client's own of a few hundredths of a second.
LIMITS = RestLimits(texts_per_request=PER_REQUEST, first_pause=0.01, longest_pause=0.05, shortest_pause=0.005)


@pytest.fixture
def endpoint():
    """A server that answers with the right vectors until a test changes it."""
    with serving() as running:
        yield running


def embedder_of(url, **options):
    """Return an embedder with this file's limits."""
    return RestEmbedder(url, "e", **{"limits": LIMITS, **options})


def embed(endpoint, texts=TEXTS, **options):
    """Embed as a load does and check what holds after every fault; return vectors, faults and counts."""
    calls = Calls()
    embedder = embedder_of(endpoint.url, **{"wait_seconds": 5.0, **options})
    answers = list(checked(embedder.embed_texts(texts, calls), DIMENSION))
    assert Counter(answer.text for answer in answers) == Counter(texts)
    good = {answer.text: answer.vector for answer in answers if answer.fault is None}
    assert all(np.array_equal(vector, vector_of(text)) for text, vector in good.items())
    assert calls.calls == endpoint.requests
    return good, {answer.text: answer.fault for answer in answers if answer.fault}, calls


def until_it_stops(answers):
    """Return the texts that were yielded before the error, and the error."""
    given = []
    noted = (given.append(answer.text) for answer in answers)
    with pytest.raises(LoaderError) as caught:
        deque(noted, maxlen=0)
    return given, caught.value


def http_date(seconds):
    """Return the moment `seconds` from now as an HTTP date."""
    return formatdate(time.time() + seconds, usegmt=True)


PASSING = {
    "429 with seconds": Fault(429, {"Retry-After": "0.1"}, "busy"),
    "429 with a date": Fault(429, {"Retry-After": http_date(-5)}, "busy"),
    "429 alone": Fault(429, {}, "busy"),
    "429 with nonsense": Fault(429, {"Retry-After": "soon"}, "busy"),
    "503": Fault(503, {}, "starting"),
    "504": Fault(504, {}, "late"),
    "500": Fault(500, {}, "oops"),
    "502": Fault(502, {}, "<html>"),
    "reset": Fault(reset=True),
    "cut off in the body": Fault(cut=1000, honest=False),
    "truncated JSON": Fault(cut=1000),
    "no JSON": Fault(body="<html>log in</html>"),
    "deep JSON": Fault(body="[" * 100_000),
    "wrong count": Fault(rows=lambda rows: rows[:1]),
    "a vector a token": Fault(rows=lambda rows: [[row] for row in rows]),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_passing_fault_costs_one_request_more(endpoint, fault):
    """Two requests of six meet it: each text has its vector, embedded once, and two retries are counted."""
    endpoint.faults.extend([None, fault, None, fault])
    good, faults, calls = embed(endpoint)
    assert (len(good), faults, calls.retries, calls.calls) == (len(TEXTS), {}, 2, 8)
    if fault.rows is None:  # otherwise the server did answer, in a way that is of no use
        assert Counter(endpoint.texts) == Counter(TEXTS)


@pytest.mark.parametrize("status", [429, 503])
def test_waiting_costs_no_attempt(endpoint, status):
    """Far more refusals than attempts are waited out, and other faults between them still have theirs."""
    waits = [Fault(status, {"Retry-After": "0"})] * (2 * LIMITS.attempts)
    endpoint.faults.extend([*waits, Fault(500), *waits, Fault(reset=True)])
    good, _, calls = embed(endpoint, ["a"])
    assert len(good) == 1
    assert calls.retries == 4 * LIMITS.attempts + 2


def test_what_retry_after_asks_for_is_waited(endpoint):
    """The same texts do not come again earlier."""
    endpoint.faults.extend([Fault(429, {"Retry-After": "0.3"})])
    embed(endpoint, ["a"])
    (first, _), (second, _) = endpoint.arrivals
    assert second - first >= 0.3


def test_a_longer_wait_than_allowed_is_not_begun(endpoint):
    """The server asks for an hour, five seconds are allowed: the run stops at once and names the hour."""
    endpoint.faults.extend([Fault(429, {"Retry-After": "3600"})])
    began = time.monotonic()
    with pytest.raises(EndpointUnavailableError, match=r"HTTP 429, retry after 3600 s"):
        embed(endpoint, ["a"])
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("drip", [Fault(drip=0.2), Fault(500, {}, "a long excuse" * 10, drip=0.2)])
def test_a_server_that_drips_is_cut_off(endpoint, drip):
    """Each byte comes in time, the answer does not: the whole request has one limit, and is sent again."""
    endpoint.faults.append(drip)
    good, _, calls = embed(endpoint, ["a", "b"], limits=replace(LIMITS, request_seconds=0.5))
    assert len(good) == 2
    assert calls.retries == 1


def test_a_server_that_never_answers_in_time_is_given_up(endpoint):
    """Time-outs wait as busy servers do, and no longer than is allowed."""
    endpoint.seconds = 0.6
    with pytest.raises(EndpointUnavailableError, match="too long"):
        embed(endpoint, ["a"], limits=replace(LIMITS, request_seconds=0.2), wait_seconds=0.5)


@pytest.mark.parametrize(
    ("status", "poison"), [(400, {77}), (413, {0, 255}), (422, set(range(256)))], ids=["one", "the ends", "all"]
)
def test_poison_is_found_by_halving(endpoint, status, poison):
    """Of a request of 256 texts just the refused ones are faults; each other text is embedded once."""
    texts = [f"text {number}" for number in range(256)]
    bad = {texts[number] for number in poison}
    # The form is as the probe leaves it.
    embedder = {"settled": {"form": "dataframe_records"}, "limits": replace(LIMITS, texts_per_request=256)}
    endpoint.answer = lambda batch: (status, {}, "no\nthanks") if bad & set(batch) else None
    good, faults, calls = embed(endpoint, texts, **embedder)
    assert set(faults) == bad
    assert all("no thanks" in fault for fault in faults.values())
    assert Counter(endpoint.texts) == Counter(list(good))
    assert calls.calls <= 1 + 2 * 8 * len(bad)


def test_poison_and_other_faults_at_once(endpoint):
    """Halving goes on through busy and failing answers, and still ends at the one text."""
    # Whichever request meets them, all of them together are fewer failures than one request may have.
    round_ = [Fault(429, {"Retry-After": "0"}), None, Fault(500), Fault(reset=True), None]
    endpoint.faults.extend(round_ * ((LIMITS.attempts - 1) // 2))
    endpoint.answer = lambda batch: (400, {}, "bad") if "text 80" in batch else None
    good, faults, _ = embed(endpoint, settled={"form": "dataframe_records"})
    assert not endpoint.faults
    assert set(faults) == {"text 80"}
    assert Counter(endpoint.texts) == Counter(list(good))


def test_not_a_number_is_a_fault_of_its_text_alone(endpoint):
    """NaN, null and infinity in three vectors of a request cost three texts."""

    def spoil(rows):
        rows[3][17], rows[4][0], rows[5][383] = float("nan"), None, float("inf")
        return rows

    endpoint.faults.append(Fault(rows=spoil))
    good, faults, _ = embed(endpoint, TEXTS[:PER_REQUEST])
    assert set(faults) == set(TEXTS[3:6])
    assert len(good) == PER_REQUEST - 3


def test_another_dimension_stops(endpoint):
    """Vectors of another width are another model's."""
    endpoint.dimension = 100
    with pytest.raises(ModelIdentityError, match="100 values"):
        embed(endpoint)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ((404, {}, '{"error_code": "RESOURCE_DOES_NOT_EXIST"}'), SettingsError, "HTTP 404"),
        ((302, {"Location": "https://x/login?next=secret"}, ""), SettingsError, r"redirects to https://x/login \("),
        ((400, {}, "Resource does not support direct Data Plane access"), SettingsError, "call it by its workspace"),
        ((401, {}, "Invalid access token"), SettingsError, "plain http address is sent EMBEDDING_TOKEN alone"),
        ((403, {}, "PERMISSION_DENIED"), SettingsError, "CAN QUERY"),
        ((500, {}, "oops"), EndpointUnavailableError, "HTTP 500 oops"),
        ((200, {}, '{"predictions": [[1.0'), EndpointUnavailableError, "unreadable"),
    ],
)
def test_what_does_not_pass_stops_after_all_that_was_answered_is_given(endpoint, reply, error, words):
    """Some requests are answered, then none: their vectors are given before the error is raised."""
    refuse = threading.Event()

    def answer(batch):
        if "text 0" in batch or refuse.is_set():
            refuse.set()
            return reply
        return None

    endpoint.answer = answer
    endpoint.seconds = 0.02
    given, raised = until_it_stops(embedder_of(endpoint.url, wait_seconds=1).embed_texts(TEXTS, Calls()))
    assert type(raised) is error
    assert re.search(words, str(raised))
    assert "\n" not in str(raised)
    assert "secret" not in str(raised)
    assert Counter(given) == Counter(endpoint.texts)


def test_the_token_is_sent_and_not_shown(endpoint):
    """A server that wants it answers; the embedder prints without it."""
    endpoint.tokens = {"tok-en"}
    embed(endpoint, ["a"], token="tok-en")
    assert "tok-en" not in repr(embedder_of(endpoint.url, token="tok-en"))


def test_what_http_cannot_send_is_refused_and_not_shown(endpoint):
    """A token with a line break in it, as a login may lend one."""
    embedder = embedder_of(endpoint.url, token="dapi\nsecret")
    given, raised = until_it_stops(embedder.embed_texts(TEXTS, Calls()))
    assert (given, type(raised)) == ([], SettingsError)
    assert "secret" not in str(raised)


@pytest.mark.parametrize("status", [404, 500])
def test_an_address_is_told_without_its_query(endpoint, status):
    """A key may stand there."""
    endpoint.answer = lambda _: (status, {}, "")
    embedder = embedder_of(f"{endpoint.url}?code=secret", wait_seconds=1)
    _, raised = until_it_stops(embedder.embed_texts(TEXTS, Calls()))
    assert endpoint.url in str(raised)
    assert "secret" not in f"{raised} {embedder!r}"
    _, raised = until_it_stops(embedder_of("http://127.0.0.1:1/i?code=secret").embed_texts(TEXTS, Calls()))
    assert "http://127.0.0.1:1/i did not answer: ConnectionRefusedError" in str(raised)
    assert "secret" not in str(raised)


def test_what_is_paid_for_is_given_before_the_run_stops(endpoint):
    """One request fails for good while others are still being answered: all that got an answer is yielded."""
    all_sent = threading.Barrier(LIMITS.concurrency)

    def answer(batch):
        all_sent.wait(10)
        # The others answer after the failure: what comes late is what is looked at.
        return (404, {}, "") if "text 0" in batch else time.sleep(0.2)  # a slow server

    endpoint.answer = answer
    given, _ = until_it_stops(embedder_of(endpoint.url).embed_texts(TEXTS, Calls()))
    assert Counter(given) == Counter(endpoint.texts)
    assert len(given) == (LIMITS.concurrency - 1) * PER_REQUEST


def test_the_answered_half_is_given_when_the_other_half_fails(endpoint):
    """A refused request is halved, one half is answered, then the endpoint is gone."""
    answered = iter([None])
    endpoint.answer = lambda batch: (400, {}, "bad") if len(batch) == 4 else next(answered, (404, {}, ""))
    embedder = embedder_of(endpoint.url, settled={"form": "dataframe_records"})
    given, _ = until_it_stops(embedder.embed_texts(TEXTS[:4], Calls()))
    assert given == TEXTS[:2]


def test_no_more_requests_at_once_than_allowed(endpoint):
    """The server never sees more under way than the bound, and does see that many."""
    endpoint.seconds = 0.02
    texts = [f"text {number}" for number in range(20 * PER_REQUEST)]
    embed(endpoint, texts)
    assert endpoint.most_at_once == LIMITS.concurrency


def test_one_in_twenty_refused_loses_and_repeats_nothing(endpoint):
    """Five of a hundred requests get a 429: one more request for each, and no text twice."""
    endpoint.faults.extend(([None] * 19 + [Fault(429, {"Retry-After": "0.05"})]) * 5)
    texts = [f"text {number}" for number in range(400)]
    good, _, calls = embed(endpoint, texts, limits=replace(LIMITS, texts_per_request=4))
    assert len(good) == 400
    assert (calls.calls, calls.retries) == (105, 5)
    assert Counter(endpoint.texts) == Counter(texts)


@pytest.mark.parametrize("form", ["dataframe_records", "inputs", "input"])
def test_the_form_is_settled_by_the_probe_and_travels(endpoint, form):
    """What the endpoint takes is found once; a copy of the embedder, as a step carries it, asks in no other form."""
    endpoint.forms = (form,)
    embedder = embedder_of(endpoint.url, wait_seconds=5)
    vectors = probe(embedder, None, DIMENSION)
    assert np.array_equal(vectors, np.stack([vector_of(text) for text in PROBES]))
    travelled, asked = pickle.loads(pickle.dumps(embedder)), endpoint.requests  # noqa: S301
    assert asked <= 3
    endpoint.answer = lambda batch: (400, {}, "bad") if "text 1" in batch else None
    answers = list(travelled.embed_texts(TEXTS[:4], Calls()))
    assert [answer.text for answer in answers if answer.fault] == ["text 1"]
    assert endpoint.requests - asked == 5  # 4, then 2 and 2, then 1 and 1


def test_an_endpoint_that_takes_no_form_is_said(endpoint):
    """A plain sentence refused in every form is not the sentence's fault."""
    endpoint.forms = ()
    with pytest.raises(NotOfferedError, match=r"does not embed a plain sentence.*Failed to parse input"):
        probe(embedder_of(endpoint.url), None, DIMENSION)


def _close(answers, before):
    """Close them; the threads that they started end."""
    started = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("embed")]
    assert started
    answers.close()
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()


def test_leaving_early_cuts_off_what_is_under_way(endpoint):
    """A caller that stops early waits for no answer and no pause, and no thread remains."""
    # Longer than the test waits: an answer that does not come.
    endpoint.answer = lambda batch: None if "text 0" in batch else (time.sleep(30), None)[1]  # never in time
    before = threading.enumerate()
    answers = embedder_of(endpoint.url).embed_texts(TEXTS, Calls())
    next(answers)
    _close(answers, before)


def test_leaving_early_ends_a_pause(endpoint):
    """The server asked for a minute; closing does not wait for its end."""
    endpoint.answer = lambda batch: None if "text 0" in batch else (429, {"Retry-After": "60"}, "")
    before = threading.enumerate()
    answers = embedder_of(endpoint.url).embed_texts(TEXTS, Calls())
    next(answers)
    _close(answers, before)
