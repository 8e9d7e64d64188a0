"""
The one place where a name from a mapping or a setting becomes part of Cypher or Spark SQL text.

Names cannot be bound as parameters, so they are validated here and quoted here; values always bind.
"""

from __future__ import annotations

import re

from delta_neo4j.errors import MappingError

MAX_LENGTH = 200  # far above any real name; keeps a pasted document out of a statement
HIDDEN_PREFIX = "_dn_"

_SCHEMA_NAME = re.compile(r"[^\W\d]\w*")
# Cypher resolves \uXXXX escapes before it looks at back-ticks, so a backslash is as dangerous as one.
_PROPERTY_NAME = re.compile(r"[^\x00-\x1f\x7f`\\\u2028\u2029\ud800-\udfff]+")


def schema_name(name: str) -> str:
    """Accept a label, relationship type, index or constraint name: letters, digits, underscore."""
    if len(name) > MAX_LENGTH or not _SCHEMA_NAME.fullmatch(name):
        raise MappingError(
            f"{name[:MAX_LENGTH]!r} is not usable as a label, relationship type, index or constraint name: "
            "use letters, digits and underscores, not beginning with a digit"
        )
    return name


def property_name(name: str) -> str:
    """Accept a property name: any visible text without back-ticks, backslashes or the loader's own prefix."""
    if len(name) > MAX_LENGTH or not _PROPERTY_NAME.fullmatch(name) or name.startswith(HIDDEN_PREFIX):
        raise MappingError(
            f"{name[:MAX_LENGTH]!r} is not usable as a property name: control characters, back-ticks, "
            f"backslashes and the prefix {HIDDEN_PREFIX} are refused; give the column another name with `property`"
        )
    return name


def quoted(name: str) -> str:
    """Quote a validated name for Cypher."""
    if "`" in name or "\\" in name:
        raise MappingError(f"{name!r} cannot be quoted for Cypher")
    return f"`{name}`"


def sql_quoted(name: str) -> str:
    """Quote a column name for Spark SQL, which doubles the back-tick."""
    return "`" + name.replace("`", "``") + "`"


_TABLE_PART = re.compile(r"\w[\w\- ]*")


def table_name(name: str) -> str:
    """Quote a one- to three-part table name for Spark SQL."""
    parts = [part.strip("`") for part in name.split(".")]
    if not 1 <= len(parts) <= 3 or not all(_TABLE_PART.fullmatch(part) for part in parts):  # noqa: PLR2004
        raise MappingError(f"{name!r} is neither a table name (catalog.schema.table) nor a path")
    return ".".join(sql_quoted(part) for part in parts)


def snake_case(name: str) -> str:
    """Turn a label into the form that names of constraints use: RemovalEvent → removal_event."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
