"""How far the loads of a state have read a table, and which versions they have written to the graph."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph.versions import bounds
from delta_neo4j.runs.prepare import NO_MODEL
from delta_neo4j.source.change_feed import CDF
from delta_neo4j.source.delta import source_token
from delta_neo4j.source.snapshot import SNAPSHOT
from delta_neo4j.state import checkpoint
from delta_neo4j.state.ledger import AGAIN
from delta_neo4j.state.mappings import FRAME

if TYPE_CHECKING:
    from typing import Any

    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.source.delta import SourceVersion
    from delta_neo4j.state.checkpoint import Load
    from delta_neo4j.state.mappings import MappingHistory
    from delta_neo4j.state.tables import State


@dataclass(frozen=True)
class Runs:
    """The recorded runs of a state, newest last: (run id, when it began, its summary)."""

    rows: tuple[tuple[str, Any, dict[str, Any]], ...]

    @classmethod
    def of(cls, spark: SparkSession, state: State) -> Runs:
        """Read the table `runs`."""
        rows = state.rows(spark, "SELECT run_id, started_at, summary FROM {runs} ORDER BY started_at")
        return cls(tuple((row["run_id"], row["started_at"], json.loads(row["summary"])) for row in rows))

    def of_load(self, load_id: str) -> list[tuple[str, Any, dict[str, Any]]]:
        """Return the runs of a load: (run id, when it began, the part of its summary for the load's table)."""
        parts = ((run_id, began, table) for run_id, began, summary in self.rows for table in summary["tables"])
        return [part for part in parts if part[2]["load_id"] == load_id]

    @property
    def model_id(self) -> str:
        """The id of the model of the newest run that had one."""
        ids = [summary["embedding"]["model_id"] for _, _, summary in reversed(self.rows)]
        return next((each for each in ids if each not in {None, NO_MODEL}), NO_MODEL)


def load_of_graph(runs: Runs, table: Table, load: Load) -> Load:
    """Return the load whose rows the graph has: the checkpoint's, or that of the last run that read the table whole."""
    if load.source_mode != SNAPSHOT:
        return load
    loads = [part for _, _, summary in runs.rows for part in summary["tables"] if part["name"] == table.name]
    ids = [part["load_id"] for part in loads if part["source_mode"] == SNAPSHOT and part["load_id"]]
    return replace(load, load_id=ids[-1], epoch=int(ids[-1].partition("-")[0])) if ids else load


def held(spark: SparkSession, runs: Runs, folder: str, table: Table, source: SourceVersion) -> Load | None:
    """Return the load whose rows the graph has, of a table with its checkpoint in `folder`; None before the first."""
    load = checkpoint.stored(spark, folder)
    if load is None:
        return None
    if load.source_mode != SNAPSHOT and (load.digest, load.table_id) != (table.digest, source.table_id):
        return None  # the next load begins anew
    return load_of_graph(runs, table, load)


def version_reached(spark: SparkSession, state: State, runs: Runs, table: Table, load: Load) -> int | None:
    """
    Return the source version up to which a load has read its table, None for a source without versions.

    Raises `PreflightError` if its last run has not ended, so that the graph may have a part of a version.
    """
    of_load = runs.of_load(load.load_id)
    known = [run_id for run_id, _, _ in of_load]
    recorded = "SELECT run_id, max(recorded_at) AS newest FROM {ledger}"
    where = f"WHERE load_id = '{load.load_id}' AND batch_id <> {AGAIN}"
    ends = state.rows(spark, f"{recorded} {where} GROUP BY run_id")
    lost = max((each["newest"] for each in ends if each["run_id"] not in known), default=None)
    if not of_load or of_load[-1][2]["error"] or (lost is not None and lost > of_load[-1][1]):
        raise unended(table)
    version: int | None = of_load[-1][2]["source_version"]
    return version


def unended(table: Table) -> PreflightError:
    """Return the error of a table whose last load failed or was killed."""
    return PreflightError(
        f"the last load of table {table.name} has not ended, so the graph may have a part of what it read: run `load` "
        "first, or name the version to compare with (--version)"
    )


def token_of(table: Table, load: Load) -> str:
    """Return the source token of a load."""
    return source_token(table.name, load.table_id, load.source_mode)


def tokens(history: MappingHistory, table: Table, source: SourceVersion) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the source tokens of this source's rows in any mode, and those of the table's rows in frames."""
    of_frames = replace(history, records=tuple(r for r in history.records if r["table_id"].startswith(FRAME)))
    return tuple(history.own_tokens(table.source, source.table_id)), tuple(of_frames.source_tokens)


def versions(table: Table, load: Load, version: int | None) -> tuple[str, str]:
    """Return the lowest and the highest row version that a load can have written up to a version of its source."""
    return bounds(token_of(table, load), checkpoint.resumed(load), version if load.source_mode == CDF else None, table)
