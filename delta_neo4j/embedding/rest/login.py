"""
The token for a Databricks endpoint: a given one, a service principal's, or that of the process's own login.

All threads of one `embed_texts` share one `Tokens`: if several are refused with an old token, one fetches the new one.

OAuth is written here and not taken from Databricks' SDK: its `ClientCredentials` has no time-out, and the process
that embeds (a Spark Connect server, a machine outside Databricks) may not have the SDK.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from delta_neo4j.embedding.rest.faults import REFUSED, UNAUTHORISED, BusyError, FlakyError, raise_for
from delta_neo4j.errors import SettingsError
from delta_neo4j.settings.login import databricks_login

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

TOKEN_PATH = "/oidc/v1/token"  # noqa: S105  # a path
RENEW_BEFORE = 60.0  # seconds before a token ends


@dataclass(frozen=True)
class ServicePrincipal:
    """An OAuth client of the workspace at `host` (with its scheme); `repr` hides the secret."""

    host: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Workspace:
    """The Databricks login of this process: the workspace's address (with its scheme) and its current token."""

    host: str
    token: str = field(repr=False)


Login = ServicePrincipal | Workspace


def workspace() -> Workspace | None:
    """Return the login that Databricks' SDK finds here; None without the SDK, a login, or a bearer token."""
    try:
        host, headers = databricks_login()
        # `headers` works for every kind of login; the SDK's `token` is None on serverless.
        kind, _, token = headers().get("Authorization", "").partition(" ")
    except Exception:  # noqa: BLE001
        # Each kind of login fails with its own errors; all of them mean that there is no login.
        return None
    return Workspace(host, token) if kind == "Bearer" and token else None


def token_remedy(url: str, token: str | None, login: Login | None) -> str:
    """Return what to do if the endpoint at `url` refuses this token or login."""
    if isinstance(login, ServicePrincipal):
        return "grant the service principal of DATABRICKS_CLIENT_ID the permission CAN QUERY on it"
    remedy = "set EMBEDDING_TOKEN to one with CAN QUERY, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"
    if token is None and login is None and url.startswith("http:"):
        remedy += "; a plain http address is sent EMBEDDING_TOKEN alone"
    return remedy


class Tokens:
    """
    The current token, for all threads. `post` sends a form with basic authentication.

    A given token cannot be renewed. A login's token is fetched when it is first needed, shortly before it ends, and
    when the endpoint refuses it.
    """

    def __init__(
        self,
        given: str | None,
        login: Login | None,
        post: Callable[..., requests.Response],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._login = None if given else login
        self._value = login.token if isinstance(login, Workspace) and not given else given
        self._good_until = float("inf")
        self._on_trial: str | None = None  # replaces a refused token and was not accepted yet
        self._post = post
        self._clock = clock
        self._lock = Lock()

    def current(self) -> str | None:
        """Return a token that has not ended, or None if none is used."""
        with self._lock:
            if self._login and (self._value is None or self._clock() >= self._good_until):
                self._fetch()
            return self._value

    def renewed(self, refused: str | None) -> str | None:
        """
        Return a newer token than the refused one, or None if there is none.

        A replacement that is refused before it was ever accepted is not replaced: the login lacks a permission.
        """
        with self._lock:
            if self._value == refused and self._login and refused != self._on_trial:
                self._fetch()
                self._on_trial = self._value
            return None if self._value == refused else self._value

    def accepted(self, token: str | None) -> None:
        """Note that the endpoint accepted this token: it may be renewed again when it has ended."""
        with self._lock:
            if token == self._on_trial:
                self._on_trial = None

    def _fetch(self) -> None:
        if isinstance(self._login, ServicePrincipal):
            self._value, life = _oauth_token(self._login, self._post)
            self._good_until = self._clock() + life - min(RENEW_BEFORE, life / 10)
        elif login := workspace():  # without a login in this process the old token stays
            self._value = login.token


def _oauth_token(principal: ServicePrincipal, post: Callable[..., requests.Response]) -> tuple[str, float]:
    """Return a token and its life in seconds, by OAuth's client credentials."""
    address = principal.host + TOKEN_PATH
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    try:
        answer = post(address, data=form, auth=(principal.client_id, principal.client_secret))
        if answer.status_code in UNAUTHORISED + REFUSED:
            raise SettingsError(
                f"{principal.host} refused the service principal (HTTP {answer.status_code}{_code(answer)}); "
                "check DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"
            )
        raise_for(answer, address, "check DATABRICKS_HOST")
        content = answer.json()
        return str(content["access_token"]), float(content.get("expires_in") or "inf")
    except BusyError as error:
        raise BusyError(f"no token from {address}: {error}", error.retry_after) from error
    except (FlakyError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FlakyError(f"no token from {address}: {error}") from error


def _code(answer: requests.Response) -> str:
    """Return OAuth's error code; the rest of the answer may repeat the secret."""
    try:
        content: Any = answer.json()
    except ValueError:
        return ""
    code = content.get("error") if isinstance(content, dict) else None
    return f" {code}" if isinstance(code, str) else ""
