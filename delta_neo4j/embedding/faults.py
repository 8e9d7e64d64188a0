"""What an HTTP answer that is not a vector asks of the client: wait, try again, halve the request, or stop."""

from __future__ import annotations

import datetime as dt
import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

UNAUTHORISED = (401, 403)
BUSY = (429, 503, 504)
REFUSED = (400, 413, 422)
NOT_FOUND = 404


class BusyError(Exception):
    """The server asks to wait: 429, 503, 504, it took too long, or it is still starting."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(f"{reason}, to be asked again in {retry_after:g} s" if retry_after else reason)
        self.retry_after = retry_after


class FlakyError(Exception):
    """The server failed in a way that may pass: another 5xx, a broken connection, an unreadable answer."""


class RefusedError(Exception):
    """The endpoint will not take this request: one of its texts is at fault, its form, or its size."""


def raise_for(answer: requests.Response, address: str, remedy: str) -> None:
    """
    Sort a status that has nothing to do with who asks; 2xx passes.

    Raises BusyError, FlakyError or RefusedError, and SettingsError where only another address helps.
    """
    status = answer.status_code
    if answer.ok and not answer.is_redirect:
        return
    if answer.is_redirect:  # the token does not follow to another address
        where = answer.headers["Location"].partition("?")[0]
        raise SettingsError(f"{address} redirects to {where} (HTTP {status}); {remedy}")
    if status == NOT_FOUND:
        raise SettingsError(f"there is no endpoint at {address} (HTTP 404); {remedy}")
    if status in BUSY:
        raise BusyError(f"HTTP {status}", retry_after(answer.headers))
    if status in REFUSED:
        raise RefusedError(f"HTTP {status} {words(answer)}")
    raise FlakyError(f"HTTP {status} {words(answer)}")


def words(answer: requests.Response) -> str:
    """Give the beginning of what a server says, on one line."""
    return " ".join(answer.text[:300].split())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """
    Read `Retry-After`, seconds or an HTTP date, into seconds from now; None where it says nothing.

    A date is held against the answer's own `Date`: the server's clock need not be ours.
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
    """Name the error at the bottom of a chain: a library's wrappers say less."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return f"{type(error).__name__}: {error}"
