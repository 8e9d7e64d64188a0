"""
Delta tables in folders of this machine, looked at with the package `deltalake`.

It reads a table's log in milliseconds. Spark plans and runs jobs for the same, half a second of each and more in a new
JVM. This module imports no pyspark.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from delta_neo4j.errors import LoaderError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import deltalake
    from pyspark.sql import SparkSession

Answer = TypeVar("Answer")

STARTED_HERE = "spark.deltaNeo4j.startedHere"  # the setting of a session that a command has started on its own files
_FEED = "delta.enableChangeDataFeed"


class UnreadableError(LoaderError):
    """A Delta table exists and `deltalake` cannot read it, such as one with a newer protocol."""


class Look(NamedTuple):
    """A Delta table as its log tells: its id, its newest version, whether it records its change data feed."""

    table_id: str
    version: int
    has_feed: bool


def is_installed() -> bool:
    """Return whether the package `deltalake` is there."""
    try:
        import deltalake  # noqa: F401  # looked for, not used
    except ImportError:
        return False
    return True


def is_local_path(location: str) -> bool:
    """Return whether a location is an absolute path of this machine."""
    return location.removeprefix("file:").startswith("/")


def is_seen(spark: SparkSession, location: str) -> bool:
    """
    Return whether this process sees the folder `location` as Spark does, and has `deltalake`.

    It does if the command has started Spark. On a cluster, through Spark Connect, and where Spark's default file system
    is another than this machine's, the same path may be another folder.
    """
    if not is_local_path(location) or "connect" in type(spark).__module__:
        return False
    return spark.conf.get(STARTED_HERE, "false") == "true" and is_installed()


def look(folder: str) -> Look | None:
    """Return what the log of a table says, None if the folder has no table; raise `UnreadableError`."""
    table = opened(folder)
    if table is None:
        return None
    metadata = table.metadata()
    has_feed = str(metadata.configuration.get(_FEED)).lower() == "true"
    return Look(str(metadata.id), int(table.version()), has_feed)


def counted_rows(table: deltalake.DeltaTable) -> int | None:
    """Return the rows of a table as its log counts them, None if the log does not; raise `UnreadableError`."""
    # A file's count has the rows that a deletion vector has deleted.
    if "deletionVectors" in (table.protocol().reader_features or ()):
        return None
    files = asked(table.table_uri, lambda: table.get_add_actions(flatten=True))
    if "num_records" not in files.column_names:
        return None
    counts = files.column("num_records").to_pylist()
    return None if None in counts else sum(counts)


def opened(folder: str, version: int | None = None) -> deltalake.DeltaTable | None:
    """Return the table in a folder at a version (None: the newest), None if there is none; raise `UnreadableError`."""
    import deltalake

    path = folder.removeprefix("file:")
    if not Path(path, "_delta_log").is_dir():
        return None
    return asked(folder, lambda: deltalake.DeltaTable(path, version=version))


def asked(what: str, ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` finds; raise `UnreadableError` for any error: the engine below raises bare exceptions too."""
    try:
        return ask()
    except Exception as error:
        raise UnreadableError(f"{what} cannot be read by deltalake: {first_line(error, 200)}") from error
