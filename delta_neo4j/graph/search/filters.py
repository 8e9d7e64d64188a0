"""Conditions on a row's properties, as people write them (`cost_estimate>10000`), typed by the mapping."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import SettingsError
from delta_neo4j.mapping.types import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from delta_neo4j.mapping.plan import Property, Table

_OPERATOR = re.compile(r"(?:\s*(!=|<=|>=|=|<|>)\s*|\s+in(?:\s+|(?=[\[('\"])))(.*)", re.DOTALL | re.IGNORECASE)
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,"']*?))\s*(?:,|$)""")
_LARGEST_INTEGER = 2**63


@dataclass(frozen=True)
class Condition:
    """
    A condition that a row's node must fulfil; a node without the property fulfils none.

    `operator` is one of =, !=, <, <=, >, >= and in; `value` is of the type that the mapping gives the property, for
    `in` a list of such values.
    """

    name: str
    operator: str
    value: Any


def parsed(table: Table, texts: Iterable[str]) -> tuple[Condition, ...]:
    """Return the conditions of texts `NAME OP VALUE`; raise `SettingsError` for the first faulty one."""
    return tuple(_condition(table, text) for text in texts)


def comparable(table: Table) -> dict[str, Property]:
    """Return the properties of a row's node that a condition may name, by name."""
    return {p.name: p for p in (*table.key, *table.properties) if BY_NAME[p.type].is_single}


def _condition(table: Table, text: str) -> Condition:
    properties = comparable(table)
    # The longest name first: a name may contain an operator, or begin with another name.
    for name in sorted(properties, key=len, reverse=True):
        found = _OPERATOR.fullmatch(text.strip()[len(name) :]) if text.strip().startswith(name) else None
        if found:
            return _typed_condition(properties[name], found[1] or "in", found[2].strip(), text)
    raise SettingsError(_not_understood(table, text))


def _not_understood(table: Table, text: str) -> str:
    mapped = {p.name: p.type for p in table.properties}
    split = re.match(r"\s*(.+?)\s*(?:[!<>]?=|<|>|\sin\s)", text, re.DOTALL | re.IGNORECASE)
    if split is None:
        return f"the condition {text!r} is not NAME OP VALUE with one of = != < <= > >= in, as in 'cost>100'"
    listed = f"conditions can be on {', '.join(comparable(table))}"
    if split[1] in mapped:
        return f"{split[1]} is of type {mapped[split[1]]}, which cannot be compared; {listed}"
    return f"rows of {table.name} have no property {split[1]!r}; {listed}"


def _typed_condition(prop: Property, operator: str, written: str, text: str) -> Condition:
    if operator == "in":
        return Condition(prop.name, operator, [value(prop, part, text) for part in _parts(written, text)])
    if written[:1] in {"=", "<", ">"}:
        raise SettingsError(
            f"the condition {text!r} has no known operator: use = != < <= > >= in; put a value that begins with "
            f"{written[0]} in quotes"
        )
    if not written:
        raise SettingsError(f"the condition {text!r} has no value; an empty text is written ''")
    return Condition(prop.name, operator, value(prop, _unquoted(written), text))


def _unquoted(written: str) -> str:
    quoted = len(written) > 1 and written[0] == written[-1] and written[0] in "'\""
    return written[1:-1] if quoted else written


def _parts(written: str, text: str) -> list[str]:
    """Return the values of a list: separated by commas, perhaps in brackets, each perhaps in quotes."""
    if written[:1] + written[-1:] in {"[]", "()"}:
        written = written[1:-1]
    parts, at = [], 0
    while at <= len(written):
        found = _PART.match(written, at)
        part = None if found is None else next((group for group in found.groups() if group is not None), None)
        if found is None or part is None or not found[0].strip(" ,"):
            raise SettingsError(f"the condition {text!r} has no list of values; write it as in 'name in a,b,\"c, d\"'")
        parts.append(part)
        at = found.end() if found[0].endswith(",") else len(written) + 1
    return parts


def value(prop: Property, written: str, text: str) -> Any:
    """Return a written value as the property's type; raise `SettingsError`, which names `text`, if it is none."""
    try:
        return _READ[prop.type](written)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{text!r}: {prop.name} is of type {prop.type}, and {written!r} is not {_EXAMPLES[prop.type]}"
        ) from None


def key(table: Table, parts: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the written parts of a row's key as the types of the mapping; raise `SettingsError` if it is no key."""
    if len(parts) != len(table.key):
        names = ", ".join(p.name for p in table.key)
        raise SettingsError(f"a key of table {table.name} has {len(table.key)} parts ({names}), not {len(parts)}")
    return tuple(value(prop, part, part) for prop, part in zip(table.key, parts, strict=True))


def _integer(written: str) -> int:
    number = int(written)
    if not -_LARGEST_INTEGER <= number < _LARGEST_INTEGER:
        raise ValueError(written)
    return number


def _float(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


def _boolean(written: str) -> bool:
    if written.lower() not in {"true", "false"}:
        raise ValueError(written)
    return written.lower() == "true"


def _datetime(written: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(written)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _local_datetime(written: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(written)
    if moment.tzinfo is not None:
        raise ValueError(written)
    return moment


_READ: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "date": dt.date.fromisoformat,
    "datetime": _datetime,
    "local_datetime": _local_datetime,
}
_EXAMPLES = {
    "string": "text",
    "integer": "a whole number of 64 bits",
    "float": "a number",
    "boolean": "true or false",
    "date": "a date such as 2024-08-15",
    "datetime": "a moment such as 2024-08-15T14:30:00Z (without a zone: UTC)",
    "local_datetime": "a moment without a zone, such as 2024-08-15T14:30:00",
}
