"""Repair: write the rows that differ again by the ordinary passes, and delete what no row has."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import DeleteGuardError, PreflightError
from delta_neo4j.graph import registry, scan
from delta_neo4j.graph import repair as graph_repair
from delta_neo4j.graph.cypher import repair as repair_text
from delta_neo4j.graph.passes.differences import EXTRA
from delta_neo4j.graph.versions import row_versions
from delta_neo4j.pipeline.batch import Batch
from delta_neo4j.runs import source_modes
from delta_neo4j.runs.leases import leased
from delta_neo4j.runs.preflight import check
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.runs.registry_check import check_owner
from delta_neo4j.runs.steps import again_step
from delta_neo4j.runs.verify import reached
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.source import change_feed, ranking
from delta_neo4j.source.contract import raw_column
from delta_neo4j.source.failing_expressions import FAILED
from delta_neo4j.source.row_columns import RowColumns
from delta_neo4j.source.row_texts import row_key
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state.ledger import AGAIN, Ledger
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.runs.prepare import Ready
    from delta_neo4j.runs.verify.comparison import Comparison
    from delta_neo4j.settings.values import LoadSettings

log = logging.getLogger(__name__)


def repair(spark: SparkSession, settings: LoadSettings, mapping: Mapping, found: list[Comparison]) -> int:
    """
    Repair what the comparisons found, table by table; return the number of keys written again or deleted.

    After an interruption, call it again: the rows that it has not yet written differ still. Raises `PreflightError` for
    a table that no load has begun, whose last load was killed, or that another state has loaded since;
    `DeleteGuardError` if it would delete too many.
    """
    for each in found:
        if each.place.load is None:
            raise PreflightError(f"table {each.place.table.name} was never loaded with this state: run `load` first")
    state, run_id = State(settings.state), uuid.uuid4().hex[:12]
    ready = prepare(spark, mapping, settings, state, check(spark, mapping, settings, state))
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    with leased(connection, source_modes.tokens(mapping.tables, ready.sources), run_id, LIMITS) as (entries, _):
        for each in found:
            if each.place.load:
                history = ready.histories[each.place.table.name]
                check_owner(connection, each.place.table, each.place.load, entries, history.state_id)
        return _repair(spark, settings, mapping, ready, found, run_id=run_id)


def is_registered(spark: SparkSession, settings: LoadSettings, found: list[Comparison]) -> bool:
    """Return whether the graph's registry has every micro-batch that the state has recorded of the compared tables."""
    connection, state = settings.neo4j.connection(settings.graph_retry_seconds), State(settings.state)
    for place in (each.place for each in found):
        if place.load is None:
            return True  # nothing was recorded; a repair asks for a load
        (mark,) = registry.marks(connection, [reached.token_of(place.table, place.load)])[0] or ({"version": None},)
        recorded = Ledger(state, place.load.load_id, place.table.name, place.mode).position(spark)
        if recorded.last_recorded >= 0 and (mark["version"] or -1) < (recorded.registered or 0):
            return False
    return True


def _repair(
    spark: SparkSession, settings: LoadSettings, mapping: Mapping, ready: Ready, found: list[Comparison], *, run_id: str
) -> int:
    repaired = 0
    for each in found:
        place = each.place
        if place.load is None:
            continue
        step = again_step(spark, settings, place.table, ready, place.load, mapped=mapping.tables, run_id=run_id)
        step = replace(step, source_version=place.version, staging_path=f"{place.path}/repair")
        if not each.check.is_equal:
            with deciding_values(spark, place.table.timezone):
                repaired += _Repair(each, step, mapping, settings.allow_deletes).run()
        # The graph has what the ledger has recorded, also if it had been emptied.
        entry = replace(step, state_id=ready.histories[place.table.name].state_id).entry(step.position.last_recorded)
        registry.write(step.target.connection, step.target.source_token, run_id, entry)
    return repaired


class _Repair:
    """The repair of one table."""

    def __init__(self, found: Comparison, step: Step, mapping: Mapping, allow_deletes: int | None) -> None:
        self.found, self.step, self.mapping, self.allow_deletes = found, step, mapping, allow_deletes

    def run(self) -> int:
        """Delete, then write; return the number of keys."""
        extra, rows = self._extra(), self._rows()
        self._check_guard(extra.count())
        deleted = self._run(extra, repair_text.delete_extra(self.found.place.table))
        deleted += self._delete_chunks()
        written = rows.where(F.col(ranking.STATE) == ranking.WINNER).count()
        if written:
            self._forget(rows)
            Batch(self.step, AGAIN, first=True).load(self._contract(rows))
        log.info("table.repaired", extra={"table": self.step.table.name, "deleted": deleted, "written": written})
        return deleted + written

    def _extra(self) -> DataFrame:
        """Return the nodes or edges that no row has: element id k0 and version v."""
        extra = self.found.compared.where(F.col("outcome") == EXTRA)
        return extra.select(F.col("row.id").alias("k0"), F.col("row.version").alias("v"))

    def _rows(self) -> DataFrame:
        """Return the frozen sound rows of the keys that differ, and `row_key`."""
        found, compared, frozen = self.found.found, self.found.compared, self.found.rows.frozen
        rows = frozen.where(F.col(ranking.STATE).isin(ranking.WINNER, ranking.SUPERSEDED)).withColumn(
            "row_key", row_key(self.found.place.table)
        )
        differing = found.where(F.col("kind") != EXTRA).select("key").distinct()
        keys = compared.select("row.key", "row.row_key").join(differing, "key", "left_semi").select("row_key")
        if self.found.texts is not None:
            texts = self._texts(self.found.texts)
            keys = keys.unionByName(rows.join(texts, "text_hash", "left_semi").select("row_key"))
        if self.found.chunks is not None:
            keys = keys.unionByName(self.found.chunks.row_keys())
        return rows.join(keys.distinct(), "row_key", "left_semi")

    def _delete_chunks(self) -> int:
        """Delete the relationships to chunks that no row should have, and these chunks; return how many."""
        table, chunks = self.found.place.table, self.found.chunks
        if chunks is None or table.chunks is None or table.embedding is None:
            return 0
        statement = repair_text.delete_chunks(table.chunks, table.embedding.property)
        return self._run(chunks.extra(), statement)

    @staticmethod
    def _texts(found: DataFrame) -> DataFrame:
        return found.select(F.regexp_extract("key", "'([0-9a-f]+)'", 1).alias("text_hash")).distinct()

    def _forget(self, rows: DataFrame) -> None:
        table = self.found.place.table
        columns, winners = RowColumns(table, rows.schema), rows.where(F.col(ranking.STATE) == ranking.WINNER)
        commit = self.found.place.version if self.found.place.follows_feed else None
        version = row_versions(self.step.target.source_token, self.step.load, 0, commit, table).column().alias("v")
        keys = winners.select(*[columns.value(p).alias(f"k{i}") for i, p in enumerate(table.key)], version)
        ways = scan.ways(table, self.mapping.tables) if not table.edge else {}
        self._run(keys, repair_text.forget_rows(self.step.table, ways))
        if self.found.texts is not None and table.text_nodes:
            texts = self._texts(self.found.texts).select(F.col("text_hash").alias("k0"), F.lit("").alias("v"))
            self._run(texts, repair_text.forget_texts(table.text_nodes.label))

    def _run(self, keys: DataFrame, statement: str) -> int:
        return graph_repair.run(self.step.target, self.step.table, keys, statement)

    def _contract(self, rows: DataFrame) -> DataFrame:
        """Return frozen rows as the contract rows that they were made of."""
        names = [raw_column(self.found.place.table, each) for each in self.found.place.table.inputs]
        more = [name for name in (FAILED, change_feed.CHANGE, change_feed.COMMIT) if name in rows.columns]
        return rows.select(*names, *more)

    def _check_guard(self, extra: int) -> None:
        """Raise `DeleteGuardError` if so many deletes are more than a run may do unasked."""
        checked = self.found.check.checked
        limit = self.step.limits.deletes(checked) if self.allow_deletes is None else self.allow_deletes
        if extra > limit:
            raise DeleteGuardError(
                f"the repair of table {self.found.place.table.name} would delete {extra:,} of {checked:,} keys, more "
                f"than the {limit:,} that it may delete unasked; nothing of this table is repaired. Check that the "
                f"table is complete, then allow it with --allow-deletes {extra}",
                {"would_remove": extra, "of": checked, "limit": limit},
            )
