"""A Databricks workspace's REST API, as far as the model needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from delta_neo4j.errors import EndpointUnavailableError
from delta_neo4j.model.weights import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS = 310  # Databricks ends a request after 297
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WORDS = 300  # characters of an answer that an error repeats


class RefusedError(ModelError):
    """The workspace said no: `status` is HTTP's, `code` the API's own word for it."""

    def __init__(self, message: str, status: int = 400, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BusyError(EndpointUnavailableError):
    """The workspace did not answer this time; `retry_after` are the seconds it asked to wait, if it did."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Workspace:
    """The API at `host`. `headers` gives the headers of the login anew for each call: a build outlives a token."""

    host: str
    headers: Callable[[], Mapping[str, str]] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse an address that would show the token to the wire."""
        whole = self.host if "://" in self.host else f"https://{self.host}"
        parts = urlsplit(whole)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not parts.hostname or not safe:
            raise ModelError("a Databricks workspace has an address like https://HOST: correct DATABRICKS_HOST")
        object.__setattr__(self, "host", f"{parts.scheme}://{parts.netloc}")

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON object that the API answers.

        Raises RefusedError for a 4xx, BusyError (run again) for what may pass: 429, 5xx, no connection.
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
        said = f"{self.host} answered {what} with HTTP {status}{f' {code}' if code else ''}: {words}".rstrip(": ")
        if status == requests.codes.too_many_requests or status >= requests.codes.internal_server_error:
            return BusyError(said, _seconds(answer.headers.get("Retry-After")))
        if status == requests.codes.unauthorized:
            return RefusedError(
                f"{said}; log in anew (`databricks auth login`) or renew DATABRICKS_TOKEN", status, code
            )
        if status == requests.codes.forbidden:
            return RefusedError(f"{said}; your login lacks the permission", status, code)
        if not code and status != requests.codes.not_found:
            return RefusedError(f"{said}; is {self.host} a Databricks workspace?", status, code)
        return RefusedError(said, status, code)


def _seconds(header: str | None) -> float | None:
    try:
        return min(max(float(header), 0.0), 300.0) if header else None
    except ValueError:
        return None  # an HTTP date: rare, and the caller's own pause serves
