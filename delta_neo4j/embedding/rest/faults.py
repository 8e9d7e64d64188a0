"""The meaning of an HTTP answer without vectors: wait, repeat the request, halve it, or stop."""

from __future__ import annotations

import datetime as dt
import math
from base64 import b64decode
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

UNAUTHORISED = (401, 403)
BUSY = (429, 503, 504)
REFUSED = (400, 413, 422)
NOT_FOUND = 404
GATEWAY_TIMEOUT = 504
_READ, _SHOWN = 10_000, 300  # characters of an answer


class BusyError(Exception):
    """
    The server is busy or starting: 429, 503, 504, or no answer in time. `retry_after` is in seconds.

    `too_slow` (504, no answer in time): the cause may also be a text of the request. `of_texts`: it is, because a probe
    text was answered meanwhile.
    """

    def __init__(self, reason: str, retry_after: float | None = None, *, too_slow: bool = False) -> None:
        super().__init__(f"{reason}, retry after {retry_after:g} s" if retry_after else reason)
        self.retry_after, self.too_slow, self.of_texts = retry_after, too_slow, False


class FlakyError(Exception):
    """The server failed in a way that may pass: another 5xx, a broken connection, an unreadable answer."""


class RefusedError(Exception):
    """The endpoint refused this request for one of its texts, its form, or its size."""


def raise_for(answer: requests.Response, address: str, remedy: str) -> None:
    """
    Raise the error that a status other than 401 and 403 means; return if the status is 2xx.

    Raises BusyError, FlakyError or RefusedError, and SettingsError with the `remedy` if the address is wrong.
    """
    status = answer.status_code
    if answer.ok and not answer.is_redirect:
        return
    if answer.is_redirect:  # the token is not sent to another address
        where = answer.headers["Location"].partition("?")[0]
        raise SettingsError(f"{address} redirects to {where} (HTTP {status}); {remedy}")
    if status == NOT_FOUND:
        raise SettingsError(f"there is no endpoint at {address} (HTTP 404); {remedy}")
    if status in BUSY:
        raise BusyError(f"HTTP {status}", retry_after(answer.headers), too_slow=status == GATEWAY_TIMEOUT)
    if status in REFUSED:
        raise RefusedError(f"HTTP {status} {words(answer)}")
    raise FlakyError(f"HTTP {status} {words(answer)}")


def words(answer: requests.Response) -> str:
    """Return the first 300 characters of an answer, on one line; a credential that it repeats is shown as `***`."""
    text = answer.text[:_READ]
    for secret in _credentials(answer):
        text = text.replace(secret, "***")
    return " ".join(text[:_SHOWN].split())


def _credentials(answer: requests.Response) -> Iterator[str]:
    """Yield the secrets that the answered request was sent with."""
    header = answer.request.headers.get("Authorization", "") if answer.request else ""
    kind, _, value = str(header).partition(" ")
    if kind == "Basic":
        with suppress(ValueError):
            yield b64decode(value).decode(errors="replace").partition(":")[2] or value
    if value:
        yield value


def retry_after(headers: Mapping[str, str]) -> float | None:
    """
    Return `Retry-After` (seconds or an HTTP date) as seconds from now; None if it is missing or unreadable.

    A date is compared with the answer's `Date`, because the server's clock may differ from ours.
    """
    header = headers.get("Retry-After", "").strip()
    try:
        seconds = float(header)
    except ValueError:
        until, now = _moment(header), _moment(headers.get("Date", "")) or dt.datetime.now(dt.UTC)
        return max((until - now).total_seconds(), 0.0) if until else None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _moment(header: str) -> dt.datetime | None:
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def cause(error: BaseException) -> str:
    """Return type and text of the first error in a chain: the libraries' wrappers hide it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return f"{type(error).__name__}: {error}"
