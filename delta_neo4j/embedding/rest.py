"""
Embedding over REST, against a Databricks endpoint or `mlflow models serve`.

Requests leave from the process that runs the micro-batch, a few at a time: one place holds the token, honours
`Retry-After` and bounds the concurrency whatever the cluster's size, and tasks need no network. Decoding is
0.12 ms a text, far above what an endpoint gives.
"""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import requests
import tenacity

from delta_neo4j.embedding.base import FLUSH_TEXTS, Calls, Embedded, requests_of
from delta_neo4j.embedding.responses import UnreadableAnswerError, vectors
from delta_neo4j.errors import EndpointUnavailableError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

TEXTS_PER_REQUEST = 128  # throughput is flat from 64 to 256 on CPU; smaller loses less to a fault
CHARACTERS_PER_REQUEST = 1_000_000  # far below the 4 MB that the strictest Databricks endpoint takes
CONCURRENCY = 4  # two keep a one-worker server busy while the client decodes; more only queue there
ATTEMPTS = 5  # for faults of the server; being told to wait costs none
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 310  # seconds; Databricks ends a request after 297


class _BusyError(Exception):
    """The endpoint asks to wait: 429, 503, 504, or it is still starting."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _FlakyError(Exception):
    """The endpoint failed in a way that may pass: another 5xx, a broken connection, an unreadable answer."""


class _RefusedError(Exception):
    """The endpoint will not take this request: one of its texts is at fault, or it is too large."""


@dataclass(frozen=True)
class RestEmbedder:
    """An endpoint by its whole URL; the token prints nowhere."""

    url: str
    name: str
    token: str | None = field(default=None, repr=False)
    wait_seconds: float = 600.0
    strategy = "rest"
    call_texts = TEXTS_PER_REQUEST
    flush_texts = FLUSH_TEXTS

    @property
    def model_name(self) -> str:
        """The endpoint's name."""
        return self.name

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:  # noqa: ARG002
        """Give each text back once, in order."""
        return self.embed_texts(texts, calls)

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Embed without Spark; `CONCURRENCY` requests are under way at a time, twice as many at most waiting."""
        client = _Client(self, calls)
        under_way: deque[Future[list[Embedded]]] = deque()
        pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="embed")
        try:
            for request in requests_of(texts, TEXTS_PER_REQUEST, CHARACTERS_PER_REQUEST):
                under_way.append(pool.submit(client.embed, request))
                if len(under_way) >= 2 * CONCURRENCY:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            client.close()


class _Client:
    """Sends requests for one `embed`; shared by its threads."""

    def __init__(self, embedder: RestEmbedder, calls: Calls) -> None:
        self._embedder = embedder
        self._calls = calls
        self._lock = Lock()
        self._closed = Event()
        self._session = requests.Session()
        self._session.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=CONCURRENCY))
        if embedder.token:
            self._session.headers["Authorization"] = f"Bearer {embedder.token}"
        self._patience = time.monotonic() + embedder.wait_seconds

    def close(self) -> None:
        """Wake whoever waits, so that an interrupt does not sit out the wait."""
        self._closed.set()
        self._session.close()

    def embed(self, texts: list[str]) -> list[Embedded]:
        """Embed one request's texts, halving it down to the text that is refused."""
        try:
            found = self._retrying()(self._send, texts)
        except _RefusedError as refusal:
            if len(texts) == 1:
                return [Embedded(texts[0], None, f"the endpoint refused the text: {refusal}")]
            middle = len(texts) // 2
            return self.embed(texts[:middle]) + self.embed(texts[middle:])
        except (_BusyError, _FlakyError) as error:
            raise EndpointUnavailableError(
                f"embedding endpoint {self._embedder.url} did not answer: {error}; "
                "see that it is running and run again, nothing embedded so far is lost"
            ) from error
        return [Embedded(text, vector) for text, vector in zip(texts, found, strict=True)]

    def _retrying(self) -> tenacity.Retrying:
        failures = itertools.count(1)

        def give_up(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if self._closed.is_set():
                return True
            if isinstance(error, _BusyError):  # being asked to wait costs patience, not an attempt
                return time.monotonic() + (error.retry_after or 0) > self._patience
            return next(failures) >= ATTEMPTS

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((_BusyError, _FlakyError)),
            wait=self._pause,
            stop=give_up,
            sleep=self._sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )

    def _send(self, texts: list[str]) -> list[Any]:
        with self._lock:
            self._calls.calls += 1
        body = {"dataframe_records": [{"text": text} for text in texts]}
        try:
            answer = self._session.post(self._embedder.url, json=body, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
        except requests.Timeout as error:
            raise _BusyError("it took too long") from error
        except requests.RequestException as error:
            raise _FlakyError(_cause(error)) from error
        _raise_for(answer, self._embedder)
        try:
            found = vectors(answer.json(), len(texts))
        except (UnreadableAnswerError, json.JSONDecodeError, requests.JSONDecodeError) as error:
            raise _FlakyError(f"unreadable answer: {error}") from error
        self._patience = time.monotonic() + self._embedder.wait_seconds  # it lives: a later pause starts anew
        return found

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _BusyError) and error.retry_after is not None:
            return error.retry_after
        return float(tenacity.wait_exponential_jitter(multiplier=0.2, max=20, jitter=1)(state))

    def _sleep(self, seconds: float) -> None:
        self._closed.wait(seconds)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        with self._lock:
            self._calls.retries += 1
        error = state.outcome.exception() if state.outcome else None
        left = max(0, int(self._patience - time.monotonic()))
        log.info("endpoint.waiting", extra={"reason": str(error), "seconds_left": left})


def _raise_for(answer: requests.Response, embedder: RestEmbedder) -> None:
    """Sort an HTTP status into what it asks for; 2xx passes."""
    status, words = answer.status_code, " ".join(answer.text[:300].split()) if not answer.ok else ""
    if answer.ok:
        return
    if "does not support direct Data Plane access" in words:
        raise SettingsError(
            f"endpoint {embedder.name}: Resource does not support direct Data Plane access; "
            "call it by its workspace URL (EMBEDDING_URL=https://WORKSPACE/serving-endpoints/NAME/invocations)"
        )
    if status in (401, 403):
        raise SettingsError(
            f"endpoint {embedder.name} refused the token (HTTP {status}); set EMBEDDING_TOKEN to one with CAN QUERY"
        )
    if status == 404:  # noqa: PLR2004
        raise SettingsError(f"there is no endpoint at {embedder.url} (HTTP 404); check EMBEDDING_URL or --endpoint")
    if status in (429, 503, 504):
        raise _BusyError(f"HTTP {status}", _seconds(answer.headers.get("Retry-After")))
    if status in (400, 413, 422):
        raise _RefusedError(f"HTTP {status} {words}")
    raise _FlakyError(f"HTTP {status} {words}")


def _seconds(header: str | None) -> float | None:
    try:
        return min(max(float(header), 0.0), 300.0) if header else None
    except ValueError:
        return None  # an HTTP date: rare, and our own pause serves


def _cause(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return f"{type(error).__name__}: {error}"
