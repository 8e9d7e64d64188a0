"""
Unity Catalog: which privileges a run needs, and a refusal as one line a grant with the statement that gives it.

The texts of refusals are those of public reports; no workspace was at hand.
"""

from __future__ import annotations

import logging
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError
from delta_neo4j.identifiers import table_name
from delta_neo4j.spark_errors import SPARK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

VOLUMES = "/Volumes"
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
    """A privilege on a catalog, schema, table or volume (`name` has its parts joined by dots)."""

    privilege: str
    kind: str
    name: str

    def statement(self, principal: str = "PRINCIPAL") -> str:
        """Give the SQL that an owner of the object runs."""
        return f"GRANT {self.privilege} ON {self.kind} {_quoted(self.name)} TO `{principal.replace('`', '')}`"

    def line(self, principal: str = "PRINCIPAL") -> str:
        """Say what is missing and what gives it."""
        return f"no {self.privilege} on {self.kind.lower()} {self.name}: {self.statement(principal)}"


def _quoted(name: str) -> str:
    return ".".join(f"`{part.strip('`').replace('`', '')}`" for part in name.split("."))


def governed(name: str) -> bool:
    """Tell whether a table or schema name is one of Unity Catalog: it begins with a catalog of its own."""
    parts = name.replace("`", "").split(".")
    return "/" not in name and len(parts) == _PARTS and all(parts) and parts[0] not in _OUTSIDE


def needed(sources: Iterable[str], state: str, checkpoints: str) -> tuple[Grant, ...]:
    """Give every grant that a run with these tables, state and checkpoint folder needs, containers first."""
    found: list[Grant] = []
    for source in sources:
        found += _of_volume(source, ("READ VOLUME",))
        found += _of_table(source)
    if governed(f"{state}.x"):
        found += _containers(state.split("."))
        found += [Grant(privilege, "SCHEMA", state) for privilege in ("CREATE TABLE", "SELECT", "MODIFY")]
    for folder in (state, checkpoints):
        found += _of_volume(folder, ("READ VOLUME", "WRITE VOLUME"))
    return tuple(dict.fromkeys(found))


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
    Give the grants that a refusal asks for: the one it names, else those `wanted`; None when it is no refusal.

    Unity Catalog names one privilege at a time, the outermost first.
    """
    lacks = _LACKS.search(text)
    if lacks:
        kind = "TABLE" if lacks["kind"].upper() == "VIEW" else lacks["kind"].upper()
        return (Grant(lacks["privilege"].upper().replace("_", " "), kind, lacks["name"].strip("`.,;")),)
    return tuple(wanted) if _REFUSED.search(text) else None


def lines(grants: Iterable[Grant], principal: str = "PRINCIPAL") -> str:
    """Give one line a grant."""
    return "\n".join(dict.fromkeys(grant.line(principal) for grant in grants)) or (
        "Unity Catalog refuses this; docs/grants.md lists what a run needs"
    )


def principal(spark: SparkSession) -> str:
    """Give the name that grants are made to: who this session is."""
    try:
        return str(spark.sql("SELECT current_user()").collect()[0][0])
    except SPARK_ERRORS:
        return "PRINCIPAL"  # a refused session may not even say who it is


@contextmanager
def told(spark: SparkSession, wanted: Iterable[Grant] = ()) -> Iterator[None]:
    """Let a refusal inside the block, or a schema that is not there, end as `PreflightError`; other errors pass."""
    try:
        yield
    except SPARK_ERRORS as error:
        missing = refused(str(error), wanted)
        if missing is not None:
            raise PreflightError(lines(missing, principal(spark))) from error
        absent = _ABSENT.search(str(error))
        if absent is None:
            raise
        kind, name = absent[1].upper(), absent[2]
        raise PreflightError(
            f"there is no {kind.lower()} {name} that you can see: CREATE {kind} IF NOT EXISTS {name}"
        ) from error


def check_readable(spark: SparkSession, sources: Iterable[str], state: str) -> None:
    """Ask for each table and for the state's schema, and raise `PreflightError` with a line for each refusal."""
    asked = [(_of_table(name), f"SELECT 1 FROM {table_name(name)} LIMIT 0") for name in sources if governed(name)]
    if governed(f"{state}.x"):
        asked.append((list(needed((), state, "")), f"SHOW TABLES IN {table_name(state)}"))
    missing: list[Grant] = []
    for wanted, query in asked:
        try:
            spark.sql(query).collect()
        except SPARK_ERRORS as error:
            missing += refused(str(error), wanted) or ()  # what is no refusal is said by who reads the table
    if missing:
        raise PreflightError(lines(missing, principal(spark)))


def check_volumes(spark: SparkSession, folders: Iterable[str], root: str = VOLUMES) -> None:
    """
    Make and remove an empty file in the Volume of each folder; raise `PreflightError` where that is refused.

    Where Volumes are no folders of this machine (Connect from elsewhere) the first write is the test.
    """
    for volume in dict.fromkeys(filter(None, map(_volume, folders))):
        if not Path(root).is_dir():
            return
        probe = Path(root, *volume, f".delta-neo4j-{uuid.uuid4().hex[:8]}")
        try:
            with probe.open("w"):
                pass
            probe.unlink()
        except FileNotFoundError as error:
            raise PreflightError(
                f"there is no Volume {'.'.join(volume)} that you can see: "
                f"CREATE VOLUME IF NOT EXISTS {_quoted('.'.join(volume))}\n"
                + lines(_of_volume("/".join(("", "Volumes", *volume)), ("READ VOLUME", "WRITE VOLUME")))
            ) from error
        except OSError as error:
            wanted = [Grant(privilege, "VOLUME", ".".join(volume)) for privilege in ("READ VOLUME", "WRITE VOLUME")]
            raise PreflightError(lines(refused(str(error)) or wanted, principal(spark))) from error


def restricted(spark: SparkSession, source: str) -> str | None:
    """
    Say which of a row filter and column masks a table shows in its description; None where none or unknown.

    A run sees what its principal sees: filtered rows never reach the graph, masked values reach it masked.
    """
    if not governed(source):
        return None
    try:
        rows = spark.sql(f"DESCRIBE TABLE EXTENDED {table_name(source)}").collect()
    except SPARK_ERRORS:
        return None
    heads = {str(row[0]).strip("# ").lower() for row in rows}
    kinds = [kind for kind in ("row filter", "column mask") if any(head.startswith(kind) for head in heads)]
    return " and ".join(kinds) or None
