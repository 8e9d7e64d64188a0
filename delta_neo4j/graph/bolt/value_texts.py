"""
Values as texts that are equal exactly if the values are: what a row writes, and what the driver reads from the graph.

A text shows the type too, so that 1, 1.0 and '1' differ.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from neo4j import spatial
from neo4j import time as neo4j_time

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # the zone is written by hand
_NANOSECONDS = 1_000_000_000


def value_text(value: Any) -> str:
    """Return the text of a value other than null."""
    if isinstance(value, (str, bool, int, float)):
        return repr(value)
    if isinstance(value, spatial.Point):  # a tuple, too
        return f"point({value.srid}: {', '.join(map(repr, value))})"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, (neo4j_time.DateTime, dt.datetime)):
        return _moment_text(value)
    if isinstance(value, (neo4j_time.Date, dt.date)):
        return f"date({value.year:04}-{value.month:02}-{value.day:02})"
    return repr(value)  # no row writes such a value


def moment_text(kind: str, seconds: int | None, nanoseconds: int | None) -> str | None:
    """Return the text of a temporal property of type `kind`, sent as seconds since 1970 and nanoseconds."""
    if seconds is None or nanoseconds is None:
        return None
    moment = _EPOCH + dt.timedelta(seconds=seconds)
    if kind == "date":
        return f"date({moment.date().isoformat()})"
    return f"{kind}({moment.isoformat()}.{nanoseconds:09}{'Z' if kind == 'datetime' else ''})"


def _moment_text(value: Any) -> str:
    nanoseconds = value.nanosecond if isinstance(value, neo4j_time.DateTime) else value.microsecond * 1_000
    shown = f"{value.year:04}-{value.month:02}-{value.day:02}T{value.hour:02}:{value.minute:02}:{int(value.second):02}"
    shown += f".{nanoseconds % _NANOSECONDS:09}"
    if value.tzinfo is None:
        return f"local_datetime({shown})"
    offset = value.utcoffset()
    return f"datetime({shown}{'Z' if not offset else f'+{offset}'})"
