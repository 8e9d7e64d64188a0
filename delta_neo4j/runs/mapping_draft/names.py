"""Names for a draft: a label from a table's name, a relationship type from a label, a property from a column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping.identifiers import MAX_LENGTH, property_name, snake_case

if TYPE_CHECKING:
    from delta_neo4j.mapping.types import PropertyType

_OPTIONS = r"(?:\{.*\})?"  # as in `when:datetime{timezone:+02:00}`
_IMPORT_COLUMN = re.compile(
    r"(?P<property>[^:]*):(?P<role>ID|START_ID|END_ID|TYPE|LABEL|IGNORE)(?:\((?P<label>[^)]*)\))?" + _OPTIONS
)
_TYPED_COLUMN = re.compile(r"(?P<property>[^:]+):(?P<type>[A-Za-z]+)(?P<many>\[\])?" + _OPTIONS)
# The types of Neo4j's import files; a type that a mapping does not have stays the text that it is.
_IMPORT_TYPES: dict[str, PropertyType] = {
    "int": "integer", "integer": "integer", "long": "integer", "byte": "integer", "short": "integer",
    "float": "float", "double": "float", "boolean": "boolean", "string": "string", "char": "string", "date": "date",
    "datetime": "datetime", "localdatetime": "local_datetime", "time": "string", "localtime": "string",
    "duration": "string", "point": "string",
}  # fmt: skip
_ROLE_OF_TABLE = re.compile(r"^(nodes|rels|relationships|dim|fact|tbl)_(?=.)", re.IGNORECASE)
_ENDS_LIKE_ID = re.compile(r"(?P<stem>.+?)(_id|_ID|Id|ID)$")


class ImportColumn(NamedTuple):
    """A column of a Neo4j import file, like `removalId:ID(RemovalEvent)`; a missing part is empty."""

    property: str
    role: str  # ID, START_ID, END_ID, TYPE, LABEL or IGNORE
    label: str


def import_column(name: str) -> ImportColumn | None:
    """Parse a column's name as `neo4j-admin import` does; return None if the name is an ordinary one."""
    match = _IMPORT_COLUMN.fullmatch(name)
    return ImportColumn(match["property"], match["role"], match["label"] or "") if match else None


class TypedColumn(NamedTuple):
    """A column of a Neo4j import file that names its type, like `born:int` or `tags:string[]`."""

    property: str
    type: PropertyType
    is_list: bool
    is_known: bool  # whether a mapping has this type


def typed_column(name: str) -> TypedColumn | None:
    """Parse a column's name as `neo4j-admin import` does; return None if it names no type of an import file."""
    match = _TYPED_COLUMN.fullmatch(name)
    named = match["type"].lower() if match else ""
    if match is None or named not in _IMPORT_TYPES:
        return None
    kind = _IMPORT_TYPES[named]
    return TypedColumn(match["property"], kind, bool(match["many"]), kind != "string" or named in {"string", "char"})


def id_stem(name: str) -> str | None:
    """Return the stem of a column that is named like an id (`aircraft_id`, `aircraftId` → `aircraft`), else None."""
    match = _ENDS_LIKE_ID.fullmatch(name)
    return match["stem"].rstrip("_") or None if match else None


def table_of(source: str) -> str:
    """Return a table's name in the mapping: the last part of its name or path, in letters, digits, underscores."""
    last = re.split(r"[/.]", source.rstrip("/").replace("`", ""))[-1]
    return _schema_name(last).lower()


def label_of(name: str) -> str:
    """Return a label for a table's name or a stem: nodes_systems → System, maintenance_events → MaintenanceEvent."""
    words = [word for word in re.split(r"[\W_]+", _ROLE_OF_TABLE.sub("", name)) if word]
    if words:
        words[-1] = singular(words[-1])
    return _schema_name("".join(word[:1].upper() + word[1:] for word in words))


def type_of(name: str) -> str:
    """Return a relationship type: AircraftModel → AIRCRAFT_MODEL."""
    return _schema_name(snake_case(name)).upper()


def property_of(column: str) -> str:
    """Return a property name for a column: the column's own name if it is valid."""
    try:
        return property_name(column)
    except MappingError:
        usable = re.sub(r"[\x00-\x1f\x7f`\\\u2028\u2029]", "_", column).removeprefix("_dn_")
        return usable[:MAX_LENGTH] or "column"


def labels_of(text: str) -> tuple[str, ...]:
    """Return the labels of a `:LABEL` column's value: `Person;Admin` → Person, Admin."""
    return tuple(dict.fromkeys(_schema_name(label) for label in text.split(";") if label.strip()))


def singular(word: str) -> str:
    """Return the singular of an English plural, guessed from its ending."""
    if re.search(r"[^aeiou]ies$", word, re.IGNORECASE):
        return f"{word[:-3]}y"
    if re.search(r"(ss|x|z|ch|sh)es$", word, re.IGNORECASE):
        return word[:-2]
    if re.search(r"[^sui]s$", word, re.IGNORECASE):
        return word[:-1]
    return word


def unlike(name: str, taken: set[str]) -> str:
    """Return the name, with a number appended if it is in `taken`; add the result to `taken`."""
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name}_{number}", number + 1
    taken.add(unused)
    return unused


def _schema_name(text: str) -> str:
    usable = re.sub(r"\W+", "_", text).strip("_")[:MAX_LENGTH]
    return usable if usable and not usable[0].isdigit() else f"T{usable}"
