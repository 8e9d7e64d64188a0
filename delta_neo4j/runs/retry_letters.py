"""
`retry-dead-letters`: write the rows of open dead letters again, as the table has them now.

A letter whose row is loaded, or that no row of the table stands for any more, is closed; the others are letters again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.pipeline.batch import Batch
from delta_neo4j.runs import registry_check, source_modes
from delta_neo4j.runs.leases import leased
from delta_neo4j.runs.preflight import check
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.runs.report.summary import TableRun
from delta_neo4j.runs.run import reported
from delta_neo4j.runs.steps import again_step, checkpoint_folder
from delta_neo4j.runs.verify import reached
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.source import drift, snapshot
from delta_neo4j.source.freeze import clear_scratch
from delta_neo4j.source.row_texts import row_json, row_key
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state import open_letters
from delta_neo4j.state.ledger import AGAIN
from delta_neo4j.state.mappings import MappingHistory

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Mapping, Table
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.runs.prepare import Ready
    from delta_neo4j.runs.report.summary import RunReport
    from delta_neo4j.runs.verify.reached import Runs
    from delta_neo4j.settings.values import LoadSettings
    from delta_neo4j.state.tables import State

log = logging.getLogger(__name__)

# Every row may be a dead letter again: the gate is for rows of which nobody knew.
_NO_GATE = replace(LIMITS, gate_share=1_000.0)


@dataclass(frozen=True)
class Chosen:
    """Which rows with open dead letters: of a table of the mapping, a reason class, a key; None: of any."""

    table: str | None = None
    reason: str | None = None
    key: str | None = None

    def of(self, letters: DataFrame) -> DataFrame:
        """
        Return the open letters of the chosen rows of a table; the key is a text, or a JSON array of several parts.

        A row has a letter of each stage at most, and is tried as a whole.
        """
        every, known = letters, F.coalesce("row_key", "row")
        if self.reason is not None:
            letters = letters.where(F.col("reason_class") == self.reason)
        if self.key is not None:
            one = F.to_json(F.array(F.lit(self.key)))
            letters = letters.where(F.col("row_key").isin(self.key) | (F.col("row_key") == one))
        chosen = letters.select(known.alias("known")).distinct()
        return every.join(chosen, known == F.col("known"), "left_semi")


ALL = Chosen()


def retry(spark: SparkSession, settings: LoadSettings, chosen: Chosen = ALL, startup_seconds: float = 0.0) -> RunReport:
    """
    Write the rows of the chosen open dead letters again, as the tables have them at the versions reached.

    The report's accounts count the rows that were found; `open_dead_letters` has how many letters are open at the end.
    An expected failure is in the report's `error`: it closes no letter, and the next retry finds the same ones.
    """
    return reported(
        spark,
        settings,
        lambda state, report: _run(spark, settings, state, report, chosen),
        command="retry-dead-letters",
        startup_seconds=startup_seconds,
    )


def _run(spark: SparkSession, settings: LoadSettings, state: State, report: RunReport, chosen: Chosen) -> None:
    began = time.monotonic()
    mapping = read_mapping(settings.mapping, settings.sources, settings.located)
    tables = [table for table in mapping.tables if chosen.table in {None, table.name}]
    if not tables:
        raise PreflightError(
            f"mapping {mapping.name} has no table {chosen.table!r}; its tables: "
            f"{', '.join(table.name for table in mapping.tables)}"
        )
    ready = prepare(spark, mapping, settings, state, check(spark, mapping, settings, state))
    report.record_preflight(ready, spark.version)
    report.seconds["preflight"] = time.monotonic() - began
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    with leased(connection, source_modes.tokens(tuple(tables), ready.sources), report.run_id, LIMITS) as (
        entries,
        awaited,
    ):
        if awaited:  # the run that was waited for may be the state's first
            names = [table.name for table in mapping.tables]
            ready = replace(ready, histories=MappingHistory.of_all(spark, state, names))
        ready = replace(ready, registry=entries)
        runs = reached.Runs.of(spark, state)
        known = [
            _retry_table(spark, settings, mapping, ready, runs, table=table, report=report, chosen=chosen)
            for table in tables
        ]
    if not any(known):
        raise PreflightError(
            f"{', '.join(table.name for table in tables)}: not loaded with this state and mapping yet: run `load` first"
        )


def _retry_table(
    spark: SparkSession,
    settings: LoadSettings,
    mapping: Mapping,
    ready: Ready,
    runs: Runs,
    *,
    table: Table,
    report: RunReport,
    chosen: Chosen,
) -> bool:
    """Try the letters of one table; return whether a load of this mapping has read the table."""
    source, folder = ready.sources[table.name], checkpoint_folder(settings, table)
    table = drift.expanded(table, source.schema)
    load = reached.held(spark, runs, folder, table, source)
    if load is None:
        return False
    connection, history = settings.neo4j.connection(settings.graph_retry_seconds), ready.histories[table.name]
    registry_check.check_owner(connection, table, load, ready.registry, history.state_id)
    step = again_step(spark, settings, table, ready, load, mapped=mapping.tables, run_id=report.run_id)
    if not step.position.has_letters:
        return True
    state = step.ledger.state
    # Rows of frames are not in the table, so the table does not say what became of them.
    letters = chosen.of(open_letters.of_load(spark, state, table, load).where(F.col("load_id") == load.load_id))
    version = reached.version_reached(spark, state, runs, table, load)
    if count := letters.count():
        log.info("letters.retried", extra={"table": table.name, "letters": count})
        _write(spark, replace(step, source_version=version, limits=_NO_GATE), table, letters, report)
        report.tables[-1].open_dead_letters = open_letters.count(spark, state, table, load)
    return True


def _write(spark: SparkSession, step: Step, table: Table, letters: DataFrame, report: RunReport) -> None:
    """Write the table's rows of the letters, and close the letters that are none again."""
    run = TableRun(table.name, step.load.load_id, step.load.source_mode, step.source_version, batches=1)
    report.tables.append(run)
    try:
        with deciding_values(spark, table.timezone):
            path = f"{step.staging_path}/copy"
            rows = snapshot.rows_of_mode(spark, table, run.source_mode, run.source_version, path)
            batch = Batch(step, AGAIN, first=True, again=letters)
            batch.load(_of_letters(table, rows, letters))
            run.account = batch.account
    finally:
        clear_scratch(step.staging_path)


def _of_letters(table: Table, rows: DataFrame, letters: DataFrame) -> DataFrame:
    """Return the contract rows that have the key of a letter, or the raw values of a letter without a usable key."""
    keys = letters.select(F.col("row_key").alias("letter_key")).where("letter_key IS NOT NULL").distinct()
    raw = letters.where("row_key IS NULL").select(F.col("row").alias("letter_row")).distinct()
    met = rows.join(keys, row_key(table) == F.col("letter_key"), "left")
    met = met.join(raw, row_json(table) == F.col("letter_row"), "left")
    return met.where("letter_key IS NOT NULL OR letter_row IS NOT NULL").select(*rows.columns)
