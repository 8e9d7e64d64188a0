"""
The checkpoint folder of one table, and the load id minted inside it, so that both live and die together.

Row versions grow with the epoch, and each run has a newer one: neither what starts fresh nor what goes on ever loses to
what an earlier run of another checkpoint wrote.
"""

from __future__ import annotations

import re
import shutil
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from delta_neo4j.errors import PreflightError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

_SCHEMA = "load_id STRING, epoch BIGINT, table_id STRING, source_mode STRING, digest STRING, database_id STRING"
_BATCH_BITS = 22  # epoch in milliseconds (41 bits until 2039) and batch id fit one signed 64-bit integer


@dataclass(frozen=True)
class Load:
    """One life of a checkpoint: its id, what it was begun with, and the epoch of the run at work, in milliseconds."""

    load_id: str
    epoch: int
    table_id: str
    source_mode: str
    digest: str
    database_id: str | None = None  # of the graph it fills

    def version(self, batch_id: int) -> int:
        """Give the version of every row of a micro-batch in append mode."""
        return (self.epoch << _BATCH_BITS) + batch_id

    def attempt(self) -> str:
        """Name one attempt at a micro-batch; the ledger keeps the name, and with it the epoch."""
        return f"{self.epoch:013d}-{uuid.uuid4().hex[:12]}"


@contextmanager
def copied(folder: str, *, empty: bool) -> Iterator[str]:
    """
    Give a copy of a checkpoint folder (or an `empty` one), for a stream that must leave no trace.

    It is gone after the block. Raises `SettingsError` for a folder that is not on a path of this machine.
    """
    path = Path(folder.removeprefix("file:"))
    if re.match(r"\w+:", str(path)) or not (empty or path.is_dir()):
        raise SettingsError(f"the checkpoint {folder} is not on a path of this machine: name its Volume path")
    copy = path.with_name(f"{path.name}-copy-{uuid.uuid4().hex[:8]}")
    try:
        if not empty:
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns("staging*", "load"))
        yield str(copy)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def reset(spark: SparkSession, folder: str) -> None:
    """Remove a checkpoint folder; the state tables stay. Raises `SettingsError` when Spark still sees it after."""
    path = Path(folder.removeprefix("file:"))
    try:
        # First the load id: whoever finds what an interrupted removal left must not take it for that load's.
        for part in (path / "load", path):
            if part.is_dir():
                shutil.rmtree(part)
    except OSError as error:
        raise SettingsError(
            f"the checkpoint {folder} cannot be removed ({error}); remove the folder yourself"
        ) from error
    if _read(spark, folder) is not None:
        raise SettingsError(
            f"the checkpoint {folder} is not on a path of this machine: delete the folder with your storage's own tool"
        )


def held_load(
    spark: SparkSession,
    folder: str,
    *,
    table_id: str,
    source_mode: str,
    digest: str,
    database_id: str | None = None,
) -> Load | None:
    """
    Give the load that a folder holds, None for a fresh one.

    A checkpoint begun with another mapping, mode, table or graph stops with `PreflightError`: what it says was read
    would not be what this run must write. A `database_id` that is not known, then or now, says nothing.
    """
    held = _read(spark, folder)
    if held is None:
        return None
    for what, before, now in (
        ("mapping", held.digest, digest),
        ("source table (dropped and created anew, or another one)", held.table_id, table_id),
        ("source mode", held.source_mode, source_mode),
        ("graph (another server or database, or one made anew)", held.database_id, database_id or held.database_id),
    ):
        if before not in {now, None}:
            raise PreflightError(
                f"the checkpoint {folder} was begun with another {what}; start fresh with --reset-checkpoint: "
                "every row is read again, only what differs is written"
            )
    return held


def resumed(load: Load, newest_epoch: int = 0) -> Load:
    """Give the load with an epoch of now, newer than its last one and than `newest_epoch`."""
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
) -> Load:
    """Mint a load and keep it in the folder, whose life it shares."""
    minted = mint(newest_epoch, table_id=table_id, source_mode=source_mode, digest=digest)
    row = [(minted.load_id, minted.epoch, table_id, source_mode, digest, database_id)]
    spark.createDataFrame(row, _SCHEMA).coalesce(1).write.mode("overwrite").json(f"{folder}/load")
    return minted


def mint(newest_epoch: int, *, table_id: str, source_mode: str, digest: str) -> Load:
    """Give a new load, newer than `newest_epoch`."""
    epoch = _newer(newest_epoch)
    return Load(f"{epoch:013d}-{uuid.uuid4().hex[:12]}", epoch, table_id, source_mode, digest)


def _read(spark: SparkSession, folder: str) -> Load | None:
    try:
        rows = spark.read.schema(_SCHEMA).json(f"{folder}/load").collect()
    except AnalysisException:
        return None  # the path is not there: a fresh checkpoint
    return Load(**rows[0].asDict()) if rows else None


def _newer(epoch: int) -> int:
    # A clock set back must not make a run lose to an older one.
    return max(int(time.time() * 1000), epoch + 1)
