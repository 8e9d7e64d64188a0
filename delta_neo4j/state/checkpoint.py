"""
The checkpoint folder of one table, with the load id inside it: deleting the folder forgets the load.

Row versions grow with the epoch, and each run has a newer epoch than all earlier runs. So the rows of a run, of a new
load or a continued one, are never older than rows that an earlier run of another checkpoint wrote.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException

from delta_neo4j.errors import PreflightError, SettingsError
from delta_neo4j.source.local_folder import is_seen
from delta_neo4j.source.snapshot import SNAPSHOT
from delta_neo4j.state.ledger import Ledger
from delta_neo4j.state.reader import stored_load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.state.tables import State

_SCHEMA = (
    "load_id STRING, epoch BIGINT, table_id STRING, source_mode STRING, digest STRING, database_id STRING, "
    "owes_sweep BOOLEAN"
)
_COLUMNS = tuple(column.split()[0] for column in _SCHEMA.split(", "))
_OLDER = {"database_id": None, "source_mode": "append"}  # of a load that an older version stored
_BATCH_BITS = 22  # epoch in milliseconds (41 bits until 2039) and batch id fit one signed 64-bit integer


@dataclass(frozen=True)
class Load:
    """The life of a checkpoint: its load id, what it began with, and this run's epoch in milliseconds since 1970."""

    load_id: str
    epoch: int
    table_id: str
    source_mode: str
    digest: str
    database_id: str | None = None  # of the graph that the load fills, None if unknown
    owes_sweep: bool = False  # whether the graph may have rows of earlier loads that the source has no more

    def version(self, batch_id: int) -> int:
        """Return the version that all rows of a micro-batch have in append mode."""
        return (self.epoch << _BATCH_BITS) + batch_id

    @property
    def life(self) -> int:
        """When the load began, in milliseconds since 1970; it stays the same for all runs of the load."""
        return int(self.load_id.partition("-")[0])

    @property
    def first_version(self) -> int:
        """The version before those of all runs of the load, and after those of all earlier loads."""
        return self.life << _BATCH_BITS

    def attempt(self) -> str:
        """Return a new id for one attempt at a micro-batch; it begins with the epoch, so the ledger has the epoch."""
        return f"{self.epoch:013d}-{uuid.uuid4().hex[:12]}"


@contextmanager
def copied(folder: str, *, empty: bool) -> Iterator[str]:
    """
    Yield a copy of a checkpoint folder (or an `empty` folder) for a stream that must not change the checkpoint.

    The copy is deleted after the block. Raises `SettingsError` if the folder is not on a path of this machine.
    """
    path = Path(folder.removeprefix("file:"))
    if re.match(r"\w+:", str(path)) or not (empty or path.is_dir()):
        raise SettingsError(
            f"the checkpoint {folder} cannot be copied, because it is not on a path of this machine: "
            "name its Volume path with --checkpoint"
        )
    copy = path.with_name(f"{path.name}-copy-{uuid.uuid4().hex[:8]}")
    try:
        if not empty:
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("staging*", "load"))
        yield str(copy)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def reset(spark: SparkSession, folder: str) -> None:
    """Delete a checkpoint folder, but no state table; raise `SettingsError` if Spark can still read its load id."""
    path = Path(folder.removeprefix("file:"))
    try:
        # The load id is deleted first: after an interrupted deletion no run may continue the load.
        for part in (path / "load", path):
            if part.is_dir():
                shutil.rmtree(part)
    except OSError as error:
        raise SettingsError(
            f"the checkpoint {folder} cannot be removed ({error}); remove the folder and run again"
        ) from error
    if stored(spark, folder) is not None:
        raise SettingsError(
            f"the checkpoint {folder} cannot be removed, because it is not on a path of this machine: "
            "delete the folder with the tool of its storage and run again"
        )


def held_load(
    spark: SparkSession,
    folder: str,
    *,
    table_id: str,
    source_mode: str | None,
    digest: str,
    database_id: str | None = None,
) -> Load | None:
    """
    Return the load that a checkpoint folder holds, None if it holds none. A `source_mode` of None is not compared.

    Raises `PreflightError` if the load began with another mapping, mode, table or graph: the offsets of the
    checkpoint would mark rows as loaded that this run must still write. A `database_id` of None, then or now, is not
    compared. Of a load in snapshot mode only the mode is compared: each run reads all rows.
    """
    load = stored(spark, folder)
    if load is None or (load.source_mode == SNAPSHOT and source_mode in {None, SNAPSHOT}):
        return load
    graph = "graph (server or database, or the database was created again)"
    for what, before, now in (
        (f"source mode ({load.source_mode})", load.source_mode, source_mode or load.source_mode),
        ("mapping", load.digest, digest),
        ("source table (or the table was dropped and created again)", load.table_id, table_id),
        (graph, load.database_id, database_id or load.database_id),
    ):
        if before not in {now, None}:
            raise PreflightError(
                f"the checkpoint {folder} was begun with another {what}: it would skip rows that are not loaded yet; "
                "run `load` with --reset-checkpoint, which reads every row again and writes those whose hash differs"
            )
    return load


def is_given_up(spark: SparkSession, folder: str, state: State, table: Table) -> bool:
    """
    Return whether the checkpoint may be reset although it was begun with another mapping than that of `table`.

    It may if its load has recorded no micro-batch, and no run works on one.
    """
    load = stored(spark, folder)
    if load is None or load.digest == table.digest or load.source_mode == SNAPSHOT or _in_use(folder):
        return False
    return Ledger(state, load.load_id, table.name, load.source_mode).position(spark).last_recorded < 0


def _in_use(folder: str) -> bool:
    """Return whether a run has frozen rows in the checkpoint: it works on a micro-batch, or was killed in one."""
    return any(Path(folder.removeprefix("file:"), "staging").glob("*"))


def resumed(load: Load, newest_epoch: int = 0) -> Load:
    """Return the load with the epoch of a new run, newer than its last epoch and than `newest_epoch`."""
    return replace(load, epoch=_newer(max(load.epoch, newest_epoch)))


def begin(
    spark: SparkSession,
    folder: str,
    newest_epoch: int,
    *,
    table_id: str,
    source_mode: str,
    digest: str,
    database_id: str | None,
    owes_sweep: bool = False,
) -> Load:
    """
    Create a load, newer than `newest_epoch`, and store it in the checkpoint folder.

    Of two runs that begin at once both return the load of the one that stored it first.
    """
    kind: dict[str, Any] = {"table_id": table_id, "source_mode": source_mode, "digest": digest}
    load = mint(newest_epoch, **kind, database_id=database_id, owes_sweep=owes_sweep)
    path = Path(folder.removeprefix("file:"))
    if path.is_absolute() and _stored_first(path / "load", json.dumps(vars(load))):
        # On Databricks a path without /Volumes or /dbfs is another one for Spark than for Python.
        if is_seen(spark, folder) or _read_by_spark(spark, folder) == load:
            return load
        shutil.rmtree(path / "load", ignore_errors=True)
    held = held_load(spark, folder, **kind, database_id=database_id)
    if held is not None:
        return resumed(held, newest_epoch)
    # A storage that only Spark reaches, or one that renames no folders: the last of two runs at once wins.
    row = [tuple(vars(load)[name] for name in _COLUMNS)]
    spark.createDataFrame(row, _SCHEMA).coalesce(1).write.mode("overwrite").json(f"{folder}/load")
    return load


def _stored_first(folder: Path, text: str) -> bool:
    """Store the load as a folder, whole or not at all; return whether no other run had stored one."""
    part = folder.with_name(f".load-{uuid.uuid4().hex[:8]}")
    try:
        part.mkdir(parents=True)
        (part / "load.json").write_text(text + "\n", encoding="utf-8")
        part.rename(folder)  # fails if the folder exists and is not empty
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        return False
    return True


def mint(newest_epoch: int, **kind: Any) -> Load:
    """Return a new load of this kind (the further fields of `Load`), newer than `newest_epoch`, without storing it."""
    epoch = _newer(newest_epoch)
    return Load(f"{epoch:013d}-{uuid.uuid4().hex[:12]}", epoch, **kind)


def stored(spark: SparkSession, folder: str) -> Load | None:
    """Return the load that a checkpoint folder holds, whatever it began with; None if it holds none."""
    # Python sees a load only if `begin` found that Spark sees it there too, and reads it without a Spark job.
    try:
        if (stored := stored_load(folder)) is not None:
            return Load(**{**_OLDER, **stored})
    except (ValueError, TypeError) as error:
        raise PreflightError(
            f"the checkpoint {folder} is damaged: its load id cannot be read; run with --reset-checkpoint, which "
            "reads every row again and writes only what differs"
        ) from error
    return None if is_seen(spark, folder) else _read_by_spark(spark, folder)


def _read_by_spark(spark: SparkSession, folder: str) -> Load | None:
    try:
        rows = spark.read.schema(_SCHEMA).json(f"{folder}/load").collect()
    except AnalysisException:
        return None  # the path does not exist: a new checkpoint
    if not rows:
        return None
    return Load(**{**_OLDER, **{name: value for name, value in rows[0].asDict().items() if value is not None}})


def _newer(epoch: int) -> int:
    # The rows of a run are newer than those of earlier runs even if the clock was set back.
    return max(int(time.time() * 1000), epoch + 1)
