"""
What reads the state tables, and the reader that does it with the package `deltalake`; `state.spark_reader` is another.

Both answer the same SQL. A statement names a state table in braces (`{ledger}`), and finds all its columns: they are
null where an earlier release had none. This module imports no pyspark: a state in a folder is read without it.
"""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from delta_neo4j.source import local_folder
from delta_neo4j.source.local_folder import UnreadableError, asked
from delta_neo4j.state.schemas import nulls

if TYPE_CHECKING:
    import deltalake


@dataclass(frozen=True)
class Size:
    """The newest version of a state table: its files and their bytes."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Extent:
    """The newest version of a source table, None if it has no versions, and its number of rows."""

    version: int | None
    rows: int


class Reader(Protocol):
    """Reads the tables of one state, and source tables."""

    @property
    def location(self) -> str:
        """The state location: a folder or a schema."""

    @property
    def how(self) -> str:
        """What reads it."""

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a SELECT; none if a state table that it names does not exist. Moments are aware."""

    def size(self, name: str) -> Size | None:
        """Return the size of a state table, None if it does not exist."""

    def extent(self, source: str) -> Extent:
        """Return the newest version and the rows of a source; raise `LoaderError` if it cannot be read."""


def named_tables(statement: str) -> list[str]:
    """Return the state tables that a statement names in braces."""
    return [name for _, name, _, _ in string.Formatter().parse(statement) if name]


@dataclass(frozen=True)
class FolderReader:
    """Reads a state in a folder of this machine with `deltalake`."""

    location: str
    how: str = "deltalake"

    @classmethod
    def of(cls, location: str) -> FolderReader | None:
        """Return a reader if the state is in a folder of this machine and `deltalake` is installed, else None."""
        return cls(location) if local_folder.is_local_path(location) and local_folder.is_installed() else None

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a SELECT; raise `UnreadableError` if a table that exists cannot be read."""
        tables = {name: self._table(name) for name in named_tables(statement)}
        found = {name: table for name, table in tables.items() if table is not None}
        if found != tables:
            return []
        return _selected(statement.format(**{name: _whole(name, table) for name, table in found.items()}), found)

    def size(self, name: str) -> Size | None:
        """Return the size of a state table from its log."""
        table = self._table(name)
        if table is None:
            return None
        sizes = asked(name, lambda: table.get_add_actions(flatten=True).column("size_bytes").to_pylist())
        return Size(name, len(sizes), sum(sizes))

    def extent(self, source: str) -> Extent:
        """Return the newest version and the rows of a source in a folder of this machine."""
        if not local_folder.is_local_path(source):
            raise UnreadableError("a table that is not in a folder of this machine is read by Spark only")
        table = local_folder.opened(source)
        if table is None:
            raise UnreadableError(f"{source} is no Delta table")
        rows = local_folder.counted_rows(table)
        if rows is None:
            rows = _selected("SELECT count(*) AS found FROM source", {"source": table})[0]["found"]
        return Extent(table.version(), rows)

    def _table(self, name: str) -> deltalake.DeltaTable | None:
        return local_folder.opened(f"{self.location}/{name}")


def stored_load(folder: str) -> dict[str, Any] | None:
    """
    Return the load that a checkpoint folder of this machine holds, as values by name; None if it holds none.

    Raises `ValueError` if the file is damaged.
    """
    stored = sorted(Path(folder.removeprefix("file:"), "load").glob("*.json"))
    text = "".join(path.read_text(encoding="utf-8") for path in stored).strip()
    if not text:
        return None
    held = json.loads(text.splitlines()[0])
    if not isinstance(held, dict):
        raise ValueError("not a load")  # noqa: TRY004  # as the JSON parser does for damaged text
    return held


def _whole(name: str, table: deltalake.DeltaTable) -> str:
    lacking = nulls(name, [field.name for field in table.schema().fields])
    return f"(SELECT *, {', '.join(lacking)} FROM {name})" if lacking else name


def _selected(statement: str, tables: dict[str, deltalake.DeltaTable]) -> list[dict[str, Any]]:
    import deltalake

    def ask() -> list[dict[str, Any]]:
        builder = deltalake.QueryBuilder()
        for name, table in tables.items():
            builder = builder.register(name, table)
        answer = builder.execute(statement).read_all()
        columns = [answer.column(name).to_pylist() for name in answer.column_names]
        return [dict(zip(answer.column_names, values, strict=True)) for values in zip(*columns, strict=True)]

    return asked(", ".join(tables), ask)
