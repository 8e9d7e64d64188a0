"""
Embedding over REST, against a Databricks endpoint or `mlflow models serve`.

Requests leave from the process that runs the micro-batch, a few at a time: one place holds the token, honours
`Retry-After` and bounds the concurrency whatever the cluster's size, and tasks need no network.
"""

from __future__ import annotations

import itertools
import logging
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import requests
import tenacity
import urllib3

from delta_neo4j.embedding.base import FLUSH_TEXTS, Calls, Embedded, Vector, requests_of
from delta_neo4j.embedding.connection import Connections
from delta_neo4j.embedding.faults import UNAUTHORISED, BusyError, FlakyError, RefusedError, cause, raise_for, words
from delta_neo4j.embedding.oauth import Login, ServicePrincipal, Tokens
from delta_neo4j.embedding.payload import FORMS, body, weight
from delta_neo4j.embedding.responses import UnreadableAnswerError, decoded, vectors
from delta_neo4j.errors import EndpointUnavailableError, LoaderError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

TEXTS_PER_REQUEST = 128  # throughput is flat from 64 to 256 on CPU; smaller loses less to a fault
BYTES_PER_REQUEST = 1_000_000  # of JSON; the strictest Databricks endpoint takes 4 MB, and logs no more than this
CONCURRENCY = 4  # two keep a one-worker server busy while the client decodes; more only queue there
ATTEMPTS = 5  # for faults of the server; being told to wait costs none
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds; the bound doubles each time, the pause is drawn below it
SHORTEST_PAUSE = 0.05  # a server that says `Retry-After: 0` for minutes is not to be hammered
READ_TIMEOUT = 310.0  # seconds for a whole request; Databricks ends one after 297
TOKEN_TIMEOUT = 30.0


@dataclass(frozen=True)
class RestEmbedder:
    """
    An endpoint by its whole URL; token and login print nowhere.

    `settled` remembers the form of request that the endpoint takes, from its first answer on. In a run that is
    the probe's: the form travels with the step, and a text refused later is the text's fault, not the form's.
    """

    url: str = field(repr=False)
    name: str
    token: str | None = field(default=None, repr=False)
    wait_seconds: float = 600.0
    login: Login | None = None
    request_seconds: float = READ_TIMEOUT
    settled: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    strategy = "rest"
    call_texts = TEXTS_PER_REQUEST
    flush_texts = FLUSH_TEXTS

    @property
    def model_name(self) -> str:
        """The endpoint's name."""
        return self.name

    @property
    def address(self) -> str:
        """The URL as it may be shown: behind the question mark may be a token."""
        return self.url.partition("?")[0]

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:  # noqa: ARG002
        """Give each text back once, as the answers come."""
        return self.embed_texts(texts, calls)

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """
        Embed without Spark; `CONCURRENCY` requests are under way at a time, as many waiting.

        When one request fails for good no further one is sent, but what the others have been answered, or still
        are, is given before the error is raised: it is paid for.
        """
        client = _Client(self, calls)
        waiting = requests_of(texts, TEXTS_PER_REQUEST, BYTES_PER_REQUEST, weight)
        under_way: set[Future[list[Embedded]]] = set()
        pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="embed")
        try:
            while True:
                while not client.failure and len(under_way) < 2 * CONCURRENCY and (request := next(waiting, None)):
                    under_way.add(pool.submit(client.embed, request))
                if not under_way:
                    break
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()
            if client.failure:
                raise client.failure
        finally:
            client.close()
            pool.shutdown(wait=False, cancel_futures=True)


class _Client:
    """Sends requests for one `embed`; shared by its threads. After the first `failure` nothing more is sent."""

    def __init__(self, embedder: RestEmbedder, calls: Calls) -> None:
        self._embedder = embedder
        self._calls = calls
        self._lock = Lock()
        self._stopped = Event()  # nothing more is sent and nobody waits to; requests under way go on
        self.failure: LoaderError | None = None
        self._connections = Connections(CONCURRENCY)
        self._tokens = Tokens(embedder.token, embedder.login, self._post_for_token)
        self._patience = time.monotonic() + embedder.wait_seconds

    def close(self) -> None:
        """Stop, and cut off what is under way, so that an interrupt does not sit out an answer."""
        self._stopped.set()
        self._connections.close()

    def embed(self, texts: list[str]) -> list[Embedded]:
        """Embed one request's texts, halving it down to the text that is refused; fewer come back on failure."""
        answered: list[Embedded] = []
        parts = [texts]
        try:
            while parts and not self._stopped.is_set():
                part = parts.pop()
                try:
                    found = self._retrying()(self._ask, part)
                except RefusedError as refusal:
                    if len(part) == 1:
                        answered.append(Embedded(part[0], None, f"the endpoint refused the text: {refusal}"))
                    else:
                        middle = len(part) // 2
                        parts += [part[middle:], part[:middle]]
                else:
                    answered += [Embedded(text, vector) for text, vector in zip(part, found, strict=True)]
        except LoaderError as error:
            self._fail(error)
        except (BusyError, FlakyError) as error:
            self._fail(
                EndpointUnavailableError(
                    f"embedding endpoint {self._embedder.address} did not answer: {error}; "
                    "see that it is running and run again, nothing embedded so far is lost"
                )
            )
        return answered

    def _fail(self, failure: LoaderError) -> None:
        with self._lock:
            self.failure = self.failure or failure  # the others stop because of the first
        self._stopped.set()

    def _retrying(self) -> tenacity.Retrying:
        failures = itertools.count(1)

        def give_up(state: tenacity.RetryCallState) -> bool:
            if self._stopped.is_set():
                return True
            error = _error(state)
            if isinstance(error, BusyError):  # being asked to wait costs patience, not an attempt
                return time.monotonic() + (error.retry_after or 0) > self._patience
            return next(failures) >= ATTEMPTS

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((BusyError, FlakyError)),
            wait=_pause,
            stop=give_up,
            sleep=self._sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )

    def _sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        self._count(again=True)
        left = max(0, int(self._patience - time.monotonic()))
        log.info("endpoint.waiting", extra={"reason": str(_error(state)), "seconds_left": left})

    def _ask(self, texts: list[str]) -> list[Vector]:
        """Send in the endpoint's form; before its first answer, in each form until one is taken."""
        settled = self._embedder.settled
        refusals: list[RefusedError] = []
        for form in [settled["form"]] if settled else FORMS:
            try:
                found = self._send(form, texts)
            except RefusedError as refusal:
                refusals.append(refusal)
            except FlakyError:
                if not refusals:
                    raise
                # A form the server does not know: some do not say so but fail, or answer something else.
            else:
                settled.setdefault("form", form)
                self._patience = time.monotonic() + self._embedder.wait_seconds  # it lives: a later pause starts anew
                return found
        raise refusals[0]

    def _send(self, form: str, texts: list[str]) -> list[Vector]:
        token = self._tokens.current()
        answer = self._post_texts(form, texts, token)
        if answer.status_code in UNAUTHORISED and (token := self._tokens.another(token)):
            self._count(again=True)
            answer = self._post_texts(form, texts, token)
        if answer.status_code not in UNAUTHORISED:
            self._tokens.taken(token)
        _raise_for(answer, self._embedder)
        try:
            return vectors(decoded(answer.content), len(texts))
        except UnreadableAnswerError as error:
            raise FlakyError(f"unreadable answer: {error}") from error

    def _post_texts(self, form: str, texts: list[str], token: str | None) -> requests.Response:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

        self._count()
        embedder = self._embedder
        return self._post(embedder.url, seconds=embedder.request_seconds, auth=sign, json=body(form, texts))

    def _post_for_token(self, url: str, **content: Any) -> requests.Response:
        return self._post(url, seconds=TOKEN_TIMEOUT, **content)

    def _post(self, url: str, **content: Any) -> requests.Response:
        try:
            return self._connections.post(url, **content)
        except requests.Timeout as error:
            raise BusyError(f"it took too long ({cause(error)})") from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise FlakyError(cause(error)) from error
        except ValueError:
            # HTTP's library refuses a header, and prints it: a token with a line break, say.
            raise SettingsError(
                f"endpoint {self._embedder.name}: what is to be sent is no HTTP; look for line breaks and odd "
                "characters in the token and the address"
            ) from None

    def _count(self, *, again: bool = False) -> None:
        with self._lock:
            if again:
                self._calls.retries += 1
            else:
                self._calls.calls += 1


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _pause(state: tenacity.RetryCallState) -> float:
    error = _error(state)
    if isinstance(error, BusyError) and error.retry_after is not None:
        return max(error.retry_after, SHORTEST_PAUSE)
    return tenacity.wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)(state)


def _raise_for(answer: requests.Response, embedder: RestEmbedder) -> None:
    """Sort the endpoint's status into what it asks for; 2xx passes."""
    if not answer.ok and "does not support direct Data Plane access" in answer.text:
        raise SettingsError(
            f"endpoint {embedder.name}: Resource does not support direct Data Plane access; "
            "call it by its workspace URL (EMBEDDING_URL=https://WORKSPACE/serving-endpoints/NAME/invocations)"
        )
    if answer.status_code in UNAUTHORISED:
        remedy = "set EMBEDDING_TOKEN to one with CAN QUERY, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"
        if isinstance(embedder.login, ServicePrincipal):
            remedy = "grant the service principal of DATABRICKS_CLIENT_ID the permission CAN QUERY on it"
        elif embedder.token is None and embedder.login is None and embedder.url.startswith("http:"):
            remedy += "; a plain http address is shown EMBEDDING_TOKEN alone"
        raise SettingsError(
            f"endpoint {embedder.name} refused the token (HTTP {answer.status_code} {words(answer)}); {remedy}"
        )
    raise_for(answer, embedder.address, "check EMBEDDING_URL or --endpoint")
