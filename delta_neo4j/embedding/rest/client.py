"""The HTTP side of an embedding endpoint: sends requests, repeats and halves them, and stops at the first failure."""

from __future__ import annotations

import itertools
import logging
import time
from contextlib import suppress
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import requests
import tenacity
import urllib3

from delta_neo4j.embedding.base import PROBES, Calls, Embedded, Vector
from delta_neo4j.embedding.rest.answers import UnreadableAnswerError, decoded, vectors
from delta_neo4j.embedding.rest.connection import Connections
from delta_neo4j.embedding.rest.faults import UNAUTHORISED, BusyError, FlakyError, RefusedError, cause, raise_for, words
from delta_neo4j.embedding.rest.login import Tokens, token_remedy
from delta_neo4j.embedding.rest.payload import FORMS, body
from delta_neo4j.embedding.tokens import beginning_of
from delta_neo4j.errors import EndpointUnavailableError, LoaderError, SettingsError

if TYPE_CHECKING:
    from delta_neo4j.embedding.rest.limits import RestLimits
    from delta_neo4j.embedding.rest.login import Login

log = logging.getLogger(__name__)


class Client:
    """
    Sends the requests of one `embed_texts`; its threads share it. After the first `failure` it sends nothing more.

    `settled` receives the request form of the first answer ("form") and the number of texts that the endpoint takes
    ("texts") if that is fewer than a request has; `calls` counts requests and repeated requests.
    """

    def __init__(
        self,
        *,
        url: str,
        name: str,
        token: str | None,
        login: Login | None,
        wait_seconds: float,
        limits: RestLimits,
        settled: dict[str, Any],
        calls: Calls,
    ) -> None:
        self._url, self._name = url, name
        self._address = url.partition("?")[0]  # the query may hold a key
        self._tokens = Tokens(token, login, self._post_for_token)
        self._token_remedy = token_remedy(url, token, login)
        self._wait_seconds, self._limits = wait_seconds, limits
        self._settled, self._calls = settled, calls
        self._lock = Lock()
        self._stopped = Event()  # no further request is sent and every pause ends; requests under way are answered
        self.failure: LoaderError | None = None
        self._connections = Connections(limits.concurrency)
        self._deadline = time.monotonic() + wait_seconds
        self._dimension = 0  # of the last answer

    def close(self) -> None:
        """Stop, and cut off the requests under way: an interrupt must not wait for an answer."""
        self._stopped.set()
        self._connections.close()

    def embed(self, texts: list[str]) -> list[Embedded]:
        """
        Embed the texts of one request; halve a request that fails until the text at fault stands alone.

        The endpoint may refuse a request, or fail at it for good while it answers a probe text: both are the request's
        fault. A text that fails alone is asked once more by its beginning, as much as the model reads. Returns an
        answer per text, fewer after a `failure`.
        """
        answers: list[Embedded] = []
        parts, attempts = self._parts(texts), self._limits.attempts
        largest, too_large = 0, False
        try:
            while parts and not self._stopped.is_set():
                part = parts.pop()
                try:
                    part_vectors = self._retrying(attempts)(self._ask, part)
                except (RefusedError, BusyError, FlakyError, SettingsError) as fault:
                    if not self._is_of_texts(fault):
                        raise
                    attempts = min(attempts, self._limits.attempts_of_a_part)
                    if len(part) == 1:
                        answers.append(self._alone(part[0], fault))
                        continue
                    too_large = too_large or not isinstance(fault, SettingsError)
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                else:
                    largest = max(largest, len(part))
                    answers += [Embedded(text, vector) for text, vector in zip(part, part_vectors, strict=True)]
        except LoaderError as error:
            self._fail(error)
        except (BusyError, FlakyError) as error:
            self._fail(self._unavailable(error))
        if too_large and len(answers) == len(texts) and not any(answer.fault for answer in answers):
            self._learn(largest)
        return answers

    def _is_of_texts(self, fault: Exception) -> bool:
        """
        Return whether a failure is that of the request's texts: it was refused, or a probe text is answered.

        A filter in front of the endpoint may answer one text with 403, 404 or a redirect.
        """
        if isinstance(fault, SettingsError) and "form" not in self._settled:
            return False  # it has answered nothing yet: token or address are wrong
        if isinstance(fault, BusyError):
            return fault.of_texts
        return isinstance(fault, RefusedError) or self._answers_a_probe()

    def _unavailable(self, error: Exception) -> EndpointUnavailableError:
        return EndpointUnavailableError(
            f"embedding endpoint {self._address} did not answer: {error}; "
            "check that it is running, then run again: all vectors so far are kept"
        )

    def _parts(self, texts: list[str]) -> list[list[str]]:
        """Cut a request to the number of texts that the endpoint was found to take; the last part is sent first."""
        size = self._settled.get("texts", len(texts))
        return [texts[at : at + size] for at in range(0, len(texts), size)][::-1]

    def _learn(self, texts: int) -> None:
        with self._lock:
            self._settled["texts"] = min(texts, self._settled.get("texts", texts))
        log.info("endpoint.takes", extra={"texts": self._settled["texts"]})

    def _alone(self, text: str, fault: Exception) -> Embedded:
        """Return the answer for a text that fails by itself: the vector of its beginning, else the fault."""
        beginning = beginning_of(text, self._dimension)
        if beginning != text:
            with suppress(RefusedError, BusyError, FlakyError, SettingsError):
                (vector,) = self._retrying(self._limits.attempts_of_a_part)(self._ask, [beginning])
                return Embedded(text, vector)
        what = "refused the text" if isinstance(fault, RefusedError) else "fails at this text alone"
        return Embedded(text, None, f"the endpoint {what} {text[:60]!r}: {fault}")

    def _answers_a_probe(self) -> bool:
        """
        Send one plain sentence; return whether the endpoint embeds it.

        A server that a text has ended says for a while that it starts, or nothing: the sentence is sent again.
        """

        def give_up(state: tenacity.RetryCallState) -> bool:
            error = _error(state)
            too_slow = isinstance(error, BusyError) and error.too_slow
            return self._stopped.is_set() or too_slow or state.attempt_number >= self._limits.attempts

        asking = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((BusyError, FlakyError)),
            wait=self._pause,
            stop=give_up,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return not self._stopped.is_set() and bool(asking(self._ask, [PROBES[0]]))
        except (RefusedError, BusyError, FlakyError, SettingsError):
            return False

    def _fail(self, failure: LoaderError) -> None:
        with self._lock:
            self.failure = self.failure or failure  # the first failure stops the other threads
        self._stopped.set()

    def _retrying(self, attempts: int) -> tenacity.Retrying:
        failures, waits, began = itertools.count(1), itertools.count(1), time.monotonic()

        def give_up(state: tenacity.RetryCallState) -> bool:
            if self._stopped.is_set():
                return True
            error = _error(state)
            if not isinstance(error, BusyError):
                return next(failures) >= attempts
            # The server asks to wait: bounded by time, not by attempts. It may do so at one text, whatever else it
            # answers meanwhile.
            next_at = time.monotonic() + (error.retry_after or 0)
            until = min(began + self._wait_seconds, self._deadline)  # the last answer may have come before this request
            waited = next_at > until or attempts < self._limits.attempts
            if next(waits) >= attempts and (error.too_slow or waited):
                error.of_texts = self._answers_a_probe()
            return error.of_texts or next_at > self._deadline

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((BusyError, FlakyError)),
            wait=self._pause,
            stop=give_up,
            sleep=self._sleep,
            before_sleep=self._before_sleep,
            reraise=True,
        )

    def _sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error, limits = _error(state), self._limits
        if isinstance(error, BusyError) and error.retry_after is not None:
            return max(error.retry_after, limits.shortest_pause)
        return tenacity.wait_random_exponential(multiplier=limits.first_pause, max=limits.longest_pause)(state)

    def _before_sleep(self, state: tenacity.RetryCallState) -> None:
        self._count(again=True)
        left = max(0, int(self._deadline - time.monotonic()))
        log.info("endpoint.waiting", extra={"reason": str(_error(state)), "seconds_left": left})

    def _ask(self, texts: list[str]) -> list[Vector]:
        """Send the texts in the form that the endpoint accepted before; if it never answered, try each form."""
        refusals: list[RefusedError] = []
        for form in [self._settled["form"]] if "form" in self._settled else FORMS:
            try:
                answer = self._send(form, texts)
            except RefusedError as refusal:
                refusals.append(refusal)
            except FlakyError:
                if not refusals:
                    raise
                # Some servers answer a form that they do not know with a 5xx or with something unreadable.
            else:
                self._settled.setdefault("form", form)
                self._dimension = len(answer[0])
                self._deadline = time.monotonic() + self._wait_seconds  # each answer starts the wait again
                return answer
        raise refusals[0]

    def _send(self, form: str, texts: list[str]) -> list[Vector]:
        token = self._tokens.current()
        answer = self._post_texts(form, texts, token)
        if answer.status_code in UNAUTHORISED and (token := self._tokens.renewed(token)):
            self._count(again=True)
            answer = self._post_texts(form, texts, token)
        if answer.status_code not in UNAUTHORISED:
            self._tokens.accepted(token)
        self._raise_for(answer)
        try:
            return vectors(decoded(answer.content), len(texts))
        except UnreadableAnswerError as error:
            raise FlakyError(f"unreadable answer: {error}") from error

    def _raise_for(self, answer: requests.Response) -> None:
        """Raise the error that the status of an answer means; return if the status is 2xx."""
        if not answer.ok and "does not support direct Data Plane access" in answer.text:
            raise SettingsError(
                f"endpoint {self._name}: Resource does not support direct Data Plane access; "
                "call it by its workspace URL (EMBEDDING_URL=https://WORKSPACE/serving-endpoints/NAME/invocations)"
            )
        if answer.status_code in UNAUTHORISED:
            raise SettingsError(
                f"endpoint {self._name} refused the token (HTTP {answer.status_code} {words(answer)}); "
                f"{self._token_remedy}"
            )
        raise_for(answer, self._address, "check EMBEDDING_URL or --endpoint")

    def _post_texts(self, form: str, texts: list[str], token: str | None) -> requests.Response:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

        self._count()
        return self._post(self._url, seconds=self._limits.request_seconds, auth=sign, json=body(form, texts))

    def _post_for_token(self, url: str, **content: Any) -> requests.Response:
        return self._post(url, seconds=self._limits.token_seconds, **content)

    def _post(self, url: str, **content: Any) -> requests.Response:
        try:
            return self._connections.post(url, **content)
        except requests.Timeout as error:
            raise BusyError(f"it took too long ({cause(error)})", too_slow=True) from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise FlakyError(cause(error)) from error
        except ValueError:
            # The HTTP library prints the header that it refuses, such as a token with a line break.
            raise SettingsError(
                f"endpoint {self._name}: the request is not valid HTTP; look for line breaks and special characters "
                "in the token and the address"
            ) from None

    def _count(self, *, again: bool = False) -> None:
        with self._lock:
            if again:
                self._calls.retries += 1
            else:
                self._calls.calls += 1


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
