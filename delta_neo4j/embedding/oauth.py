"""
Who asks: the token of a Databricks endpoint, given, minted for a service principal, or lent by the workspace.

One `Tokens` serves all threads of an `embed`: however many are refused with an old token, one fetches the new one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from delta_neo4j.embedding.faults import REFUSED, UNAUTHORISED, BusyError, FlakyError, raise_for
from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

TOKEN_PATH = "/oidc/v1/token"  # noqa: S105  # a path
RENEW_BEFORE = 60.0  # seconds before a token's end


@dataclass(frozen=True)
class ServicePrincipal:
    """An OAuth client of the workspace at `host` (with its scheme); the secret prints nowhere."""

    host: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class Workspace:
    """The Databricks login of this process: its workspace's address, and a token for now."""

    host: str
    token: str = field(repr=False)


Login = ServicePrincipal | Workspace


def workspace() -> Workspace | None:
    """Give the login that the Databricks SDK finds here, or None: not installed, or nobody is logged in."""
    try:
        from databricks.sdk.core import Config

        # Left alone it tries a host that does not answer for five minutes.
        config = Config(http_timeout_seconds=5, retry_timeout_seconds=10)
        # Whatever the kind of login, `authenticate` gives a header; `config.token` is None on serverless.
        kind, _, token = config.authenticate().get("Authorization", "").partition(" ")
        host = str(config.host).rstrip("/")
    except Exception:  # noqa: BLE001
        # No SDK, no profile, an expired one: each with errors of its own, and each means the same here.
        return None
    return Workspace(host, token) if kind == "Bearer" and token else None


class Tokens:
    """
    The token for now. `post` sends a form with basic auth and gives the answer.

    A token that was given as such cannot be renewed; the others are fetched when first needed, shortly before
    they end, and when the endpoint refuses them.
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
        self._on_trial: str | None = None  # stands for a refused one, and nobody has been let in with it yet
        self._post = post
        self._clock = clock
        self._lock = Lock()

    def current(self) -> str | None:
        """Give a token that is good for now, or None where none is used."""
        with self._lock:
            if self._login and (self._value is None or self._clock() >= self._good_until):
                self._fetch()
            return self._value

    def another(self, refused: str | None) -> str | None:
        """
        Give a token newer than the one that was refused, or None where there is none to be had.

        Where one that stands for a refused one is refused too, the next would be: a grant is missing.
        """
        with self._lock:
            if self._value == refused and self._login and refused != self._on_trial:
                self._fetch()
                self._on_trial = self._value
            return None if self._value == refused else self._value

    def taken(self, token: str | None) -> None:
        """Note that the endpoint lets in with this token: it may be renewed again when it has expired."""
        with self._lock:
            if token == self._on_trial:
                self._on_trial = None

    def _fetch(self) -> None:
        if isinstance(self._login, ServicePrincipal):
            self._value, life = self._mint(self._login)
            self._good_until = self._clock() + life - min(RENEW_BEFORE, life / 10)
        elif found := workspace():  # where the login of the process is not to be had, the old token stays
            self._value = found.token

    def _mint(self, principal: ServicePrincipal) -> tuple[str, float]:
        """Give a token and its life in seconds, by OAuth's client credentials."""
        address = principal.host + TOKEN_PATH
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        try:
            answer = self._post(address, data=form, auth=(principal.client_id, principal.client_secret))
            if answer.status_code in UNAUTHORISED + REFUSED:
                raise SettingsError(
                    f"{principal.host} refused the service principal (HTTP {answer.status_code}{_code(answer)}); "
                    "check DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"
                )
            raise_for(answer, address, "check DATABRICKS_HOST")
            found = answer.json()
            return str(found["access_token"]), float(found.get("expires_in") or "inf")
        except BusyError as error:
            raise BusyError(f"no token from {address}: {error}", error.retry_after) from error
        except (FlakyError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FlakyError(f"no token from {address}: {error}") from error


def _code(answer: requests.Response) -> str:
    """Give OAuth's own word for what is wrong; the rest of the answer may repeat what was sent."""
    try:
        found: Any = answer.json()
    except ValueError:
        return ""
    code = found.get("error") if isinstance(found, dict) else None
    return f" {code}" if isinstance(code, str) else ""
