"""What an `ai_query` error asks for: wait, blame the text, use another strategy, or stop.

The bracketed conditions are those of the platform's documentation; a text of its HTTP answer decides the rest.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from delta_neo4j.errors import NotOfferedError, SettingsError

if TYPE_CHECKING:
    from pyspark.errors import PySparkException

_TRANSPORT = (
    "AI_FUNCTION_HTTP_REQUEST_ERROR",
    "AI_FUNCTION_INVALID_HTTP_RESPONSE",
    "REMOTE_FUNCTION_HTTP_RETRY_TIMEOUT",
)
_OUR_EXPRESSION = (
    "AI_FUNCTION_HTTP_PARSE_CAST_ERROR", "AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR", "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE",
    "AI_FUNCTION_INVALID_MODEL_PARAMETERS", "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR",
    "REMOTE_FUNCTION_HTTP_RESULT_PARSE_ERROR",
)  # fmt: skip
_BUSY = re.compile(
    r"\b(429|50[0234])\b|too many requests|rate.?limit|request_limit_exceeded|temporarily.?unavailable|timed? ?out|"
    r"connection (reset|refused|closed)|deadline exceeded",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(401|403)\b|permission.?denied|unauthori[sz]ed", re.IGNORECASE)
_ABSENT = re.compile(r"\b404\b|RESOURCE_DOES_NOT_EXIST|does not exist", re.IGNORECASE)


class Nature(enum.Enum):
    """Of a fault that one row carries."""

    MAY_PASS = enum.auto()
    OF_THE_TEXT = enum.auto()


def nature(fault: str, endpoint: str) -> Nature:
    """Sort a row's error message; raise `SettingsError` where every row would have it."""
    if _is_any(fault, _TRANSPORT) or _BUSY.search(fault):
        return Nature.MAY_PASS
    _stop_if_everybodys(fault, endpoint)
    return Nature.OF_THE_TEXT


def raised(error: PySparkException, endpoint: str) -> str:
    """Give the reason of a failed query when it may pass; raise what it means when not."""
    text = " ".join(str(error).split())
    if _is_any(text, _TRANSPORT) or ("HTTP" in text and _BUSY.search(text)):
        return text[:500]
    if "AI_FUNCTION_SESSION_PERMISSION_DENIED" in text:
        raise NotOfferedError(f"ai_query cannot use endpoint {endpoint}: {text[:200]}") from error
    if _is_any(text, _OUR_EXPRESSION):
        raise SettingsError(
            f"endpoint {endpoint} does not answer ai_query with a vector a text: {text[:200]}; the model must return "
            "a list of numbers for the column `text` (see model_setup.py)"
        ) from error
    if "REMOTE_FUNCTION_HTTP_FAILED_ERROR" in text:
        _stop_if_everybodys(text, endpoint)
    raise NotOfferedError(f"ai_query does not run here: {text[:200]}") from error


def _stop_if_everybodys(text: str, endpoint: str) -> None:
    if _ABSENT.search(text):
        raise SettingsError(f"there is no serving endpoint {endpoint}: check --endpoint; ai_query says: {text[:200]}")
    if _DENIED.search(text):
        raise SettingsError(f"endpoint {endpoint} refuses you: ask for CAN QUERY on it; ai_query says: {text[:200]}")


def _is_any(text: str, conditions: tuple[str, ...]) -> bool:
    return any(condition in text for condition in conditions)
