"""Names that people would choose: a label for a table, a type for a relationship, a property for a column."""

from __future__ import annotations

import re
from typing import NamedTuple

from delta_neo4j.errors import MappingError
from delta_neo4j.identifiers import MAX_LENGTH, property_name, snake_case

_IMPORT_COLUMN = re.compile(r"(?P<property>[^:]*):(?P<role>ID|START_ID|END_ID|TYPE)(?:\((?P<label>[^)]*)\))?")
_ROLE_OF_TABLE = re.compile(r"^(nodes|rels|relationships|dim|fact|tbl)_(?=.)", re.IGNORECASE)
_ENDS_LIKE_ID = re.compile(r"(?P<stem>.+?)(_id|_ID|Id|ID)$")


class ImportColumn(NamedTuple):
    """A column of Neo4j's import form: `removalId:ID(RemovalEvent)`; parts that it does not have are empty."""

    property: str
    role: str  # ID, START_ID, END_ID or TYPE
    label: str


def import_column(name: str) -> ImportColumn | None:
    """Read a column's name as Neo4j's import does; None where it is an ordinary one."""
    found = _IMPORT_COLUMN.fullmatch(name)
    return ImportColumn(found["property"], found["role"], found["label"] or "") if found else None


def id_stem(name: str) -> str | None:
    """Give what a column like `aircraft_id` or `aircraftId` identifies; None where it does not look like one."""
    found = _ENDS_LIKE_ID.fullmatch(name)
    return found["stem"].rstrip("_") or None if found else None


def table_of(source: str) -> str:
    """Give the name of a table in a mapping: the last part of its name or path, in letters, digits, underscores."""
    last = re.split(r"[/.]", source.rstrip("/").replace("`", ""))[-1]
    return _schema_name(last).lower()


def label_of(name: str) -> str:
    """Give a label for a table or a stem: nodes_systems → System, maintenance_events → MaintenanceEvent."""
    words = [word for word in re.split(r"[\W_]+", _ROLE_OF_TABLE.sub("", name)) if word]
    if words:
        words[-1] = singular(words[-1])
    return _schema_name("".join(word[:1].upper() + word[1:] for word in words))


def type_of(name: str) -> str:
    """Give a relationship type: AircraftModel → AIRCRAFT_MODEL."""
    return _schema_name(snake_case(name)).upper()


def property_of(column: str) -> str:
    """Give a usable property name for a column: its own, where that can be one."""
    try:
        return property_name(column)
    except MappingError:
        usable = re.sub(r"[\x00-\x1f\x7f`\\\u2028\u2029]", "_", column).removeprefix("_dn_")
        return usable[:MAX_LENGTH] or "column"


def singular(word: str) -> str:
    """Give the singular of an English plural, as far as its ending tells."""
    if re.search(r"[^aeiou]ies$", word, re.IGNORECASE):
        return f"{word[:-3]}y"
    if re.search(r"(ss|x|z|ch|sh)es$", word, re.IGNORECASE):
        return word[:-2]
    if re.search(r"[^sui]s$", word, re.IGNORECASE):
        return word[:-1]
    return word


def unlike(name: str, taken: set[str]) -> str:
    """Give the name, or one with a number behind it that is not taken; and take it."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


def _schema_name(text: str) -> str:
    usable = re.sub(r"\W+", "_", text).strip("_")[:MAX_LENGTH]
    return usable if usable and not usable[0].isdigit() else f"T{usable}"
