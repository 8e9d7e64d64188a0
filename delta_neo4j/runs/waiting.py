"""
The end of a load: write the relationships that found no end node before and find one now.

The rows are read from their tables again, and go through the passes of relationships with the versions that they were
written with: a row that has changed since matches no node, and its own micro-batch has recorded what it waits for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.versions import StoredVersion
from delta_neo4j.graph.writer import GraphWriter
from delta_neo4j.pipeline.lease import keep_lease
from delta_neo4j.pipeline.slices import add_effort
from delta_neo4j.source import change_feed, freeze, ranking, snapshot
from delta_neo4j.source.row_texts import row_key
from delta_neo4j.source.rules import validated
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state import open_letters, waiting_edges
from delta_neo4j.state.account import Account
from delta_neo4j.state.dead_letters import DeadLetters
from delta_neo4j.state.ledger import AGAIN
from delta_neo4j.state.waiting_edges import EDGE, WaitingEdges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.graph.passes.base import Written
    from delta_neo4j.mapping.plan import Edge, Relationship
    from delta_neo4j.runs.sweep import TableRead

log = logging.getLogger(__name__)
_VERSION = "waiting_version"
_NO_LIMIT = 2**31  # a relationship that waits on is no new dead letter


def write_waiting(spark: SparkSession, read: list[TableRead]) -> None:
    """
    Write the waiting edges of tables that this run has read to their end, as far as their end nodes exist now.

    Sets `waiting_edges` of each table's run. After an interruption the next run does the same: an edge that is written
    already is unchanged, and its entry is then closed.
    """
    may_wait = [each for each in read if waiting_edges.may_wait(each.step.table)]
    for each in read:
        each.run.waiting_edges = 0
    if not may_wait:
        return
    found = waiting_edges.open_edges(spark, may_wait[0].step.ledger.state)
    names = {row["table_name"]: row["count"] for row in found.groupBy("table_name").count().collect()}
    for each in may_wait:
        if count := names.get(each.step.table.name):
            with deciding_values(spark, each.step.table.timezone):
                _Waiting(spark, each, f"{each.step.staging_path}/waiting", count).write(found)


class _Waiting:
    """The waiting edges of one table; `count` of them are open when the run has read its tables."""

    def __init__(self, spark: SparkSession, read: TableRead, folder: str, count: int) -> None:
        self.spark, self.step, self.run, self.read = spark, read.step, read.run, read
        self.folder, self.slices = folder, freeze.slices(count, read.step.limits.slice_rows)
        table, self.state = read.step.table, read.step.ledger.state
        self.waiting = WaitingEdges(self.state, table, read.step.load.load_id, 0, "")

    def write(self, found: DataFrame) -> None:
        """Write the edges whose ends exist, close their entries and those that are void, count the others."""
        table, step = self.step.table, self.step
        freeze.overwrite(found.where(F.col("table_name") == table.name), f"{self.folder}/open")
        entries = self.spark.read.schema(found.schema).parquet(f"{self.folder}/open")
        rows = step.hook("waiting", self._rows(entries))
        keep_lease(step)
        still = self._pass(rows)
        closed = entries
        if still is not None:
            closed = entries.join(still, [*EDGE, "version"], "left_anti")
            self.run.waiting_edges = still.select(*EDGE).distinct().count()
        closed = step.hook("waiting_closed", closed)
        if count := closed.count():
            self._close_letters(closed, still)  # first: after a kill the entries are closed by the next run
            waiting_edges.close(self.state, closed)
        log.info("edges.waiting", extra={"table": table.name, "open": self.run.waiting_edges, "closed": count})

    def _close_letters(self, closed: DataFrame, still: DataFrame | None) -> None:
        """Close the dead letters of edges that found no end, except of rows whose newer edge waits."""
        step, attempt = self.step, self.step.load.attempt()
        if not (step.position.has_letters or self.run.account.has_letters):
            return
        if still is not None:
            closed = closed.join(still, ["row_key", "type"], "left_anti")
        edges = closed.select("load_id", "row_key", F.concat(F.lit("relationships "), "type").alias("stage"))
        letters = open_letters.of_load(self.spark, self.state, step.table, step.load)
        without_end = letters.where(F.col("reason_class") == "end_missing")
        settled = without_end.join(edges, ["load_id", "row_key", "stage"], "left_semi")
        closing = DeadLetters(self.state, step.table, step.load.load_id, AGAIN, attempt)
        closing.append(closing.closing(settled))
        step.ledger.record(self.spark, step.target.run_id, AGAIN, attempt, account=Account())

    def _rows(self, entries: DataFrame) -> DataFrame:
        """Return the frozen rows of the entries that this source wrote, with the versions and hashes of the entries."""
        table, step = self.step.table, self.step
        if self.read.rows is not None:
            rows = snapshot.present(table, self.read.rows)
        else:
            rows = change_feed.rows_at(self.spark, table, self.run.source_version or 0)
        own = entries.where(F.col("version").startswith(f"{step.target.source_token}:"))
        # The graph has a row as it was written last.
        newest = F.max(F.struct(F.col("version").alias(_VERSION), "row_hash", F.col("content_hash").alias("sent_hash")))
        written = own.groupBy("row_key").agg(newest.alias("newest")).select("row_key", "newest.*")
        keys = written.select("row_key")
        rows = rows.withColumn("row_key", row_key(table)).join(keys, "row_key", "left_semi")
        partitions = max(step.target.write_partitions, self.slices)
        ranked = ranking.ranked(table, validated(table, rows.drop("row_key")), step.cache.model_id, partitions)
        frozen = freeze.freeze(table, ranked, f"{self.folder}/rows", self.slices)
        sound = frozen.where(F.col(ranking.STATE).isin(ranking.WINNER, ranking.SUPERSEDED)).withColumns(
            {"row_key": row_key(table), "row_hash": waiting_edges.row_hash(table)}
        )
        once = sound.dropDuplicates(["row_key", "row_hash"])
        return once.join(written, ["row_key", "row_hash"]).withColumn("content_hash", F.col("sent_hash"))

    def _pass(self, rows: DataFrame) -> DataFrame | None:
        """Write the edges, slice by slice; return the edges that wait on (`EDGE` and version), None if none do."""
        step, still, schema = self.step, False, None
        writer = GraphWriter(step.target, step.table, StoredVersion(_VERSION), 0, _NO_LIMIT, step.limits)
        for number in range(self.slices):
            part = rows.where(F.col(freeze.SLICE) == number)
            for kind, written in self._written(writer, part):
                self._count(kind, written)
                keys = [*written.waiting, *(refusal["key"] for refusal in written.refusals)]
                if keys:
                    entries = self.waiting.of(part, keys, kind, F.col(_VERSION)).select(*EDGE, "version").distinct()
                    entries.write.mode("append" if still else "overwrite").parquet(f"{self.folder}/still")
                    still, schema = True, entries.schema
        return self.spark.read.schema(schema).parquet(f"{self.folder}/still") if schema is not None else None

    def _written(self, writer: GraphWriter, rows: DataFrame) -> Iterator[tuple[Relationship | Edge, Written]]:
        table = self.step.table
        with self.run.account.timed("relate"):
            if table.edge:
                yield table.edge, writer.edges(rows, table.edge)
            for position, each in enumerate(table.relationships):
                if each.on_missing != "merge" and not each.retired:
                    yield each, writer.relationships(rows, position, stamp=True)

    def _count(self, kind: Relationship | Edge, written: Written) -> None:
        """Add the edges that were written to the account of the table."""
        terms = self.run.account.edges(kind.type)
        for term in ("expected", "written"):
            terms[term] += written.counts["written"]
        terms["removed"] += written.counts["removed"]
        add_effort(self.run.account, written.counts)
