"""The meaning of an `ai_query` error: wait, a fault of the text, use another strategy, or stop.

The conditions in capitals are those of the platform's documentation; the status in the message decides the rest.
"""

from __future__ import annotations

import enum
import re

from delta_neo4j.errors import EndpointUnavailableError, NotOfferedError, SettingsError

_TRANSPORT = (
    "AI_FUNCTION_HTTP_REQUEST_ERROR",
    "AI_FUNCTION_INVALID_HTTP_RESPONSE",
    "REMOTE_FUNCTION_HTTP_RETRY_TIMEOUT",
)
_OUR_EXPRESSION = (
    "AI_FUNCTION_HTTP_PARSE_CAST_ERROR", "AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR", "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE",
    "AI_FUNCTION_INVALID_MODEL_PARAMETERS", "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR", "AI_FUNCTION_COMPILATION_ERROR",
    "REMOTE_FUNCTION_HTTP_RESULT_PARSE_ERROR",
)  # fmt: skip
# A number is a status only in a status's place: the message may quote the text, with its numbers.
_STATUS = re.compile(
    r"(?:^|\]|\bHTTP|\bstatus|\bcode)[^\w]{0,3}(?:code|error|status|/1\.1)?[^\w]{0,3}([1-5]\d\d)\b", re.IGNORECASE
)
_BUSY = r"TOO_MANY_REQUESTS|too many requests|REQUEST_LIMIT_EXCEEDED|TEMPORARILY_UNAVAILABLE|DEADLINE_EXCEEDED"
_WORDS = (
    (re.compile(_BUSY), 429),
    (re.compile(r"PERMISSION_DENIED|UNAUTHENTICATED"), 403),
    (re.compile(r"RESOURCE_DOES_NOT_EXIST|ENDPOINT_NOT_FOUND"), 404),
)


class Nature(enum.Enum):
    """The kind of a row's fault: a repeated query may succeed, or the text itself is refused."""

    MAY_PASS = enum.auto()
    OF_THE_TEXT = enum.auto()


def nature(fault: str, endpoint: str) -> Nature:
    """Return the kind of a row's error message; raise SettingsError if every row would get the same message."""
    if _is_any(fault, _TRANSPORT):
        return Nature.MAY_PASS
    status = _status(fault)
    _stop_if_general(status, fault, endpoint)
    return Nature.MAY_PASS if _may_pass(status) else Nature.OF_THE_TEXT


def raised(error: Exception, endpoint: str, *, worked: bool) -> str:
    """
    Return the reason of a failed query that may be repeated; raise the LoaderError that any other failure means.

    An unknown error of the first query means NotOfferedError; once a query has `worked`, EndpointUnavailableError.
    """
    text = " ".join(str(error).split())
    if _is_any(text, _TRANSPORT):
        return text[:500]
    if "UNRESOLVED_ROUTINE" in text:
        raise NotOfferedError("no ai_query: this Spark does not have the function") from error
    if "AI_FUNCTION_SESSION_PERMISSION_DENIED" in text:
        raise NotOfferedError(f"ai_query cannot use endpoint {endpoint}: {text[:200]}") from error
    if _is_any(text, _OUR_EXPRESSION):
        raise SettingsError(
            f"endpoint {endpoint} does not answer ai_query with a vector a text: {text[:200]}; the model must return "
            "a list of numbers for the column `text` (see model_setup.py)"
        ) from error
    if "REMOTE_FUNCTION_HTTP_FAILED_ERROR" in text:
        status = _status(text.partition("REMOTE_FUNCTION_HTTP_FAILED_ERROR")[2])
        _stop_if_general(status, text, endpoint)
        if _may_pass(status):
            return text[:500]
    if worked:
        raise EndpointUnavailableError(f"ai_query failed: {text[:300]}; run again to resume") from error
    raise NotOfferedError(f"ai_query does not run here: {text[:200]}") from error


def _status(text: str) -> int | None:
    match = _STATUS.search(text)
    if match:
        return int(match[1])
    return next((status for words, status in _WORDS if words.search(text)), None)


def _may_pass(status: int | None) -> bool:
    return status is not None and (status == 429 or status >= 500)  # noqa: PLR2004


def _stop_if_general(status: int | None, text: str, endpoint: str) -> None:
    if status == 404:  # noqa: PLR2004
        raise SettingsError(f"there is no serving endpoint {endpoint}: check --endpoint; ai_query says: {text[:200]}")
    if status in {401, 403}:
        raise SettingsError(f"endpoint {endpoint} refuses you: ask for CAN QUERY on it; ai_query says: {text[:200]}")


def _is_any(text: str, conditions: tuple[str, ...]) -> bool:
    return any(condition in text for condition in conditions)
