"""The calls of a Databricks workspace's REST API that the model's set-up needs.

Databricks' SDK was tried instead and not kept: its errors hide the HTTP status and, if an answer is not JSON, its
text; it follows redirects; and a version of the SDK decides what it retries, and for how long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from delta_neo4j.embedding.minilm.weights import ModelError
from delta_neo4j.errors import EndpointUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS = 310  # Databricks ends a request after 297
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WORDS = 300  # characters of an answer that an error quotes


class RefusedError(ModelError):
    """The workspace refused a call; `status` is HTTP's, `code` the API's error code."""

    def __init__(self, message: str, status: int = 400, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BusyError(EndpointUnavailableError):
    """The workspace did not answer a call, or is busy; `retry_after` is the pause it asks for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Workspace:
    """The API at `host`. `headers` returns the login's headers, fresh for each call: a build outlives a token."""

    host: str
    headers: Callable[[], Mapping[str, str]] = field(repr=False)

    def __post_init__(self) -> None:
        """Raise ModelError for an address that would send the token in clear text."""
        address = self.host if "://" in self.host else f"https://{self.host}"
        parts = urlsplit(address)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not parts.hostname or not safe:
            raise ModelError("a Databricks workspace has an address like https://HOST: correct DATABRICKS_HOST")
        object.__setattr__(self, "host", f"{parts.scheme}://{parts.netloc}")

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON object that the API answers with.

        Raises RefusedError for a 4xx, and BusyError (run again) for a fault that may pass: 429, 5xx, no connection.
        """
        try:
            answer = requests.request(
                method,
                self.host + path,
                json=body,
                headers=dict(self.headers()),
                timeout=(10, _SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as fault:
            raise BusyError(f"{self.host} did not answer {method} {path}: {type(fault).__name__}") from fault
        try:
            content = answer.json()
        except ValueError:
            content = {}
        if answer.status_code == requests.codes.ok and isinstance(content, dict):
            return content
        raise self._fault(answer, content if isinstance(content, dict) else {}, f"{method} {path}")

    def _fault(self, answer: requests.Response, content: dict[str, Any], what: str) -> RefusedError | BusyError:
        status, code = answer.status_code, str(content.get("error_code", ""))
        words = " ".join(str(content.get("message") or answer.text).split())[:_WORDS]
        answered = f"{self.host} answered {what} with HTTP {status}{f' {code}' if code else ''}: {words}".rstrip(": ")
        if status == requests.codes.too_many_requests or status >= requests.codes.internal_server_error:
            return BusyError(answered, _seconds(answer.headers.get("Retry-After")))
        if status == requests.codes.unauthorized:
            return RefusedError(
                f"{answered}; log in again (`databricks auth login`) or renew DATABRICKS_TOKEN", status, code
            )
        if status == requests.codes.forbidden:
            return RefusedError(f"{answered}; your login lacks the permission", status, code)
        if not code and status != requests.codes.not_found:
            return RefusedError(f"{answered}; is {self.host} a Databricks workspace?", status, code)
        return RefusedError(answered, status, code)


def _seconds(header: str | None) -> float | None:
    try:
        return min(max(float(header), 0.0), 300.0) if header else None
    except ValueError:
        return None  # an HTTP date, which is rare: the caller uses its own pause
