"""
Unity Catalog: the privileges that a run needs, and one line for each missing one with the statement that grants it.

The texts of refusals are from public reports; they were not compared with those of a workspace.
"""

from __future__ import annotations

import logging
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError, first_line, spark_errors
from delta_neo4j.mapping.identifiers import is_path, table_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)
VOLUMES = "/Volumes"
_READ_AND_WRITE = ("READ VOLUME", "WRITE VOLUME")
_OUTSIDE = {"spark_catalog", "hive_metastore"}  # catalogs that Unity Catalog does not govern
_PARTS = 3  # catalog.schema.table
_REFUSED = re.compile(r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|UnauthorizedAccessException|SQLSTATE: 42501")
_ABSENT = re.compile(r"_NOT_FOUND\S* The (?i:(SCHEMA|CATALOG)) (\S+) (?:cannot be|is not|was not) found")
_LACKS = re.compile(
    r"does not have (?P<privilege>[A-Za-z_]+(?: [A-Za-z_]+)*?) on "
    r"(?P<kind>Catalog|Schema|Table|View|Volume|External Location)\s*'?(?P<name>[^\s']+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Grant:
    """A privilege on a catalog, schema, table or Volume, whose `name` has its parts joined by dots."""

    privilege: str
    kind: str
    name: str

    def statement(self, principal: str = "PRINCIPAL") -> str:
        """Return the SQL statement that grants the privilege to `principal`."""
        return f"GRANT {self.privilege} ON {self.kind} {_quoted(self.name)} TO `{principal.replace('`', '')}`"

    def line(self, principal: str = "PRINCIPAL") -> str:
        """Return the missing privilege with the statement that grants it."""
        return f"no {self.privilege} on {self.kind.lower()} {self.name}: {self.statement(principal)}"


def _quoted(name: str) -> str:
    return ".".join(f"`{part.strip('`').replace('`', '')}`" for part in name.split("."))


def governed(name: str) -> bool:
    """Return whether Unity Catalog governs a table: its name has three parts, and the catalog is not a local one."""
    parts = name.replace("`", "").split(".")
    return "/" not in name and len(parts) == _PARTS and all(parts) and parts[0] not in _OUTSIDE


def needed(sources: Iterable[str], state: str, checkpoints: str) -> tuple[Grant, ...]:
    """Return the grants that a run needs for these sources, state location and checkpoint folder, outermost first."""
    grants: list[Grant] = []
    for source in sources:
        grants += _of_volume(source, ("READ VOLUME",))
        grants += _of_table(source)
    if governed(f"{state}.x"):
        grants += _containers(state.split("."))
        grants += [Grant(privilege, "SCHEMA", state) for privilege in ("CREATE TABLE", "SELECT", "MODIFY")]
    for folder in (state, checkpoints):
        grants += _of_volume(folder, _READ_AND_WRITE)
    return tuple(dict.fromkeys(grants))


def _of_table(name: str) -> list[Grant]:
    return [*_containers(name.split(".")), Grant("SELECT", "TABLE", name)] if governed(name) else []


def _of_volume(path: str, privileges: tuple[str, ...]) -> list[Grant]:
    volume = _volume(path)
    if volume is None:
        return []
    return [*_containers(list(volume)), *(Grant(privilege, "VOLUME", ".".join(volume)) for privilege in privileges)]


def _containers(parts: list[str]) -> list[Grant]:
    return [Grant("USE CATALOG", "CATALOG", parts[0]), Grant("USE SCHEMA", "SCHEMA", ".".join(parts[:2]))]


def _volume(path: str) -> tuple[str, str, str] | None:
    parts = path.removeprefix("dbfs:").rstrip("/").split("/")
    return (parts[2], parts[3], parts[4]) if parts[:2] == ["", "Volumes"] and len(parts) > _PARTS + 1 else None


def refused(text: str, wanted: Iterable[Grant] = ()) -> tuple[Grant, ...] | None:
    """
    Return the grants that an error's text asks for: the one that it names, or else all `wanted`.

    None if the text is not a refusal. Unity Catalog names one privilege at a time, the outermost first.
    """
    lacks = _LACKS.search(text)
    if lacks:
        kind = "TABLE" if lacks["kind"].upper() == "VIEW" else lacks["kind"].upper()
        return (Grant(lacks["privilege"].upper().replace("_", " "), kind, lacks["name"].strip("`.,;")),)
    return tuple(wanted) if _REFUSED.search(text) else None


def lines(grants: Iterable[Grant], principal: str = "PRINCIPAL") -> str:
    """Return one line for each grant, or a line that names the page of grants if there are none."""
    return "\n".join(dict.fromkeys(grant.line(principal) for grant in grants)) or (
        "Unity Catalog refused access and named no privilege; docs/grants.md lists the grants that a run needs"
    )


def principal(spark: SparkSession) -> str:
    """Return the user of this session, to whom grants are made; "PRINCIPAL" if the session may not ask for it."""
    try:
        return str(spark.sql("SELECT current_user()").collect()[0][0])
    except spark_errors():
        return "PRINCIPAL"


@contextmanager
def as_preflight_error(spark: SparkSession, wanted: Iterable[Grant] = ()) -> Iterator[None]:
    """
    Raise a refusal, or a missing catalog or schema, inside the block as `PreflightError`; other errors pass.

    `wanted` are the grants to name if the refusal names none.
    """
    try:
        yield
    except spark_errors() as error:
        missing = refused(str(error), wanted)
        if missing is not None:
            raise PreflightError(lines(missing, principal(spark))) from error
        absent = _absent_line(error)
        if absent is None:
            raise
        raise PreflightError(absent) from error


def _absent_line(error: Exception) -> str | None:
    absent = _ABSENT.search(str(error))
    if absent is None:
        return None
    kind, name = absent[1].upper(), absent[2]
    return f"{kind.lower()} {name} does not exist, or you have no USE {kind} on it: CREATE {kind} IF NOT EXISTS {name}"


def check_readable(spark: SparkSession, sources: Iterable[str], state: str) -> None:
    """
    Query each governed table, and the schema of the state location if that is one.

    Raises `PreflightError` with a line for each missing grant, or if the schema cannot be read.
    """
    missing: list[Grant] = []
    for name in filter(governed, sources):
        try:
            spark.sql(f"SELECT 1 FROM {table_name(name)} LIMIT 0").collect()
        except spark_errors() as error:
            missing += refused(str(error), _of_table(name)) or ()  # any other error is raised where the table is read
    try:
        if not is_path(state):
            spark.sql(f"SHOW TABLES IN {table_name(state)}").collect()
    except spark_errors() as error:
        no_grants = refused(str(error), needed((), state, ""))
        if no_grants is None:
            why = _absent_line(error) or f"schema {state} cannot be read: {first_line(error)}"
            raise PreflightError(f"STATE_LOCATION: {why}; or name another catalog.schema, or a folder") from error
        missing += no_grants
    if missing:
        raise PreflightError(lines(missing, principal(spark)))


def check_volumes(spark: SparkSession, folders: Iterable[str], root: str = VOLUMES) -> None:
    """
    Create and remove an empty file in the Volume of each folder; raise `PreflightError` if that fails.

    Nothing is checked if this machine has no folder `root` (Connect from elsewhere): then the first write fails.
    """
    for volume in dict.fromkeys(filter(None, map(_volume, folders))):
        if not Path(root).is_dir():
            return
        name, probe = ".".join(volume), Path(root, *volume, f".delta-neo4j-{uuid.uuid4().hex[:8]}")
        try:
            with probe.open("w"):
                pass
            probe.unlink()
        except FileNotFoundError as error:
            raise PreflightError(
                f"Volume {name} does not exist, or you lack these grants: CREATE VOLUME IF NOT EXISTS {_quoted(name)}\n"
                + lines(_of_volume(f"{VOLUMES}/{'/'.join(volume)}", _READ_AND_WRITE))
            ) from error
        except OSError as error:
            wanted = [Grant(privilege, "VOLUME", name) for privilege in _READ_AND_WRITE]
            raise PreflightError(lines(refused(str(error)) or wanted, principal(spark))) from error


def restricted(spark: SparkSession, source: str) -> str | None:
    """
    Return "row filter", "column mask" or both, joined by "and", as a table's description shows them; None without.

    A run reads what its principal may read: filtered rows never reach the graph, and masked values reach it masked.
    """
    if not governed(source):
        return None
    try:
        rows = spark.sql(f"DESCRIBE TABLE EXTENDED {table_name(source)}").collect()
    except spark_errors():
        return None
    heads = {str(row[0]).strip("# ").lower() for row in rows}
    kinds = [kind for kind in ("row filter", "column mask") if any(head.startswith(kind) for head in heads)]
    return " and ".join(kinds) or None
