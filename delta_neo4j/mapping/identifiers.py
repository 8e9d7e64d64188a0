"""
Check and quote names from mappings and settings for Cypher and Spark SQL.

A name cannot be a parameter of a statement, so this module checks and quotes it; values are always parameters.
"""

from __future__ import annotations

import re

from delta_neo4j.errors import MappingError

MAX_LENGTH = 200  # characters; more than any real name has
HIDDEN_PREFIX = "_dn_"
_SCHEMA_NAME = re.compile(r"[^\W\d]\w*")
# Cypher resolves \uXXXX escapes before it reads back-ticks, so a backslash could create a back-tick.
_PROPERTY_NAME = re.compile(r"[^\x00-\x1f\x7f`\\\u2028\u2029\ud800-\udfff]+")


def schema_name(name: str) -> str:
    """Return a label, relationship type, index or constraint name; raise `MappingError` if Cypher cannot take it."""
    if len(name) > MAX_LENGTH or not _SCHEMA_NAME.fullmatch(name):
        raise MappingError(
            f"{name[:MAX_LENGTH]!r} is not usable as a label, relationship type, index or constraint name; "
            "use letters, digits and underscores, and no digit at the start"
        )
    return name


def property_name(name: str) -> str:
    """Return a property name; raise `MappingError` for back-ticks, backslashes, control characters, hidden names."""
    if len(name) > MAX_LENGTH or not _PROPERTY_NAME.fullmatch(name) or name.startswith(HIDDEN_PREFIX):
        raise MappingError(
            f"{name[:MAX_LENGTH]!r} is not usable as a property name: it has a control character, a back-tick, "
            f"a backslash or the prefix {HIDDEN_PREFIX}; name the property with `property`"
        )
    return name


def quoted(name: str) -> str:
    """Return a checked name in Cypher's quotes."""
    if "`" in name or "\\" in name:
        raise MappingError(f"{name!r} cannot be quoted for Cypher: it has a back-tick or a backslash")
    return f"`{name}`"


def as_typed(name: str) -> str:
    """Return any name of a graph as a person types it in Cypher: quoted if it needs that."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return name
    escaped = name.replace("\\", "\\u005C").replace("`", "``")
    return f"`{escaped}`"


def sql_quoted(name: str) -> str:
    """Return a column name in Spark SQL's quotes, which double a back-tick."""
    return "`" + name.replace("`", "``") + "`"


def sql_text(value: str) -> str:
    """Return a text as a literal of Spark SQL, as a session reads it in which a backslash escapes (the default)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_TABLE_PART = re.compile(r"\w[\w\- ]*")


def table_name(name: str) -> str:
    """Return a table name of one to three parts in Spark SQL's quotes; raise `MappingError` for any other text."""
    parts = [part.strip("`") for part in name.split(".")]
    if not 1 <= len(parts) <= 3 or not all(_TABLE_PART.fullmatch(part) for part in parts):  # noqa: PLR2004
        raise MappingError(f"{name!r} is neither a table name (catalog.schema.table) nor a path")
    return ".".join(sql_quoted(part) for part in parts)


def is_path(address: str) -> bool:
    """Return whether the address of a Delta table is a path; otherwise it is a table name."""
    return "/" in address


def snake_case(name: str) -> str:
    """Return a label in the form that constraint names use: RemovalEvent → removal_event."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def constraint_name(label: str, key: tuple[str, ...]) -> str:
    """Return the name of a key's constraint: RemovalEvent(removal_id) → removal_event_removal_id_unique."""
    return "_".join([snake_case(label), *(snake_case(name) for name in key), "unique"])
