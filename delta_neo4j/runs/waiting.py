"""
The end of a load: write the relationships that found no end node before and find one now.

The rows are read from their tables again, and go through the passes of relationships with the versions that they were
written with: a row that has changed since matches no node, and its own micro-batch has recorded what it waits for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph import registry
from delta_neo4j.graph.versions import StoredVersion
from delta_neo4j.graph.writer import GraphWriter
from delta_neo4j.pipeline.lease import keep_lease
from delta_neo4j.pipeline.slices import add_effort
from delta_neo4j.source import change_feed, freeze, ranking, snapshot
from delta_neo4j.source.append_stream import APPEND
from delta_neo4j.source.row_columns import with_typed_values
from delta_neo4j.source.rules import validated
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state import open_letters, waiting_edges
from delta_neo4j.state.account import Account
from delta_neo4j.state.dead_letters import DeadLetters
from delta_neo4j.state.ledger import AGAIN
from delta_neo4j.state.waiting_edges import EDGE, KEY, WaitingEdges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.graph.passes.base import Written
    from delta_neo4j.mapping.plan import Edge, Relationship, Table
    from delta_neo4j.runs.sweep import TableRead

log = logging.getLogger(__name__)
_VERSION = "waiting_version"
_EDGE = (KEY, *EDGE[1:])
_NO_LIMIT = 2**31  # a relationship that waits on is no new dead letter


def write_waiting(spark: SparkSession, read: list[TableRead]) -> None:
    """
    Write the waiting edges of tables that this run has read to their end, as far as their end nodes exist now.

    A table is read again only if an edge of it can be written, or an entry may be void.
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
        self.folder, self.count, self.slices = folder, count, freeze.slices(count, read.step.limits.slice_rows)
        table, self.state = read.step.table, read.step.ledger.state
        self.waiting = WaitingEdges(self.state, table, read.step.load.load_id, 0, "")

    def write(self, found: DataFrame) -> None:
        """Write the edges whose ends exist, close their entries and those that are void, count the others."""
        table, step = self.step.table, self.step
        own = waiting_edges.with_key(table, found.where(F.col("table_name") == table.name))
        freeze.overwrite(own, f"{self.folder}/open")
        entries = self.spark.read.schema(own.schema).parquet(f"{self.folder}/open")
        if not self._is_due(entries):
            self.run.waiting_edges = entries.select(*_EDGE).distinct().count()
            log.info("edges.waiting", extra={"table": table.name, "open": self.run.waiting_edges, "closed": 0})
            return
        rows = step.hook("waiting", self._rows(entries))
        keep_lease(step)
        still = self._pass(rows)
        closed = entries
        if still is not None:
            closed = entries.join(still, [*_EDGE, "version"], "left_anti")
            self.run.waiting_edges = still.select(*_EDGE).distinct().count()
        closed = step.hook("waiting_closed", closed)
        if count := closed.count():
            self._record(closed, still)  # first: after a kill the entries are closed by the next run
            waiting_edges.close(self.state, closed.drop(KEY))
        log.info("edges.waiting", extra={"table": table.name, "open": self.run.waiting_edges, "closed": count})

    def _is_due(self, entries: DataFrame) -> bool:
        """
        Return whether an edge can be written or an entry closed, without reading the table: usually none can.

        Where neither graph nor state tells whether the table still has the row of an entry, the answer is yes.
        """
        table = self.step.table
        kinds = waiting_edges.kinds(table)
        if not all(waiting_edges.keys_as_text(table, kind) for kind in kinds) or self._may_lack_rows(entries):
            return True
        writer, looked_up = self._writer(), 0
        for kind in kinds:
            counts = writer.waiting(waiting_edges.with_ends(table, kind, entries), kind).counts
            if counts["due"]:
                return True
            looked_up += counts["edges"]
        return looked_up != self.count  # the mapping has no relationship of the others any more

    def _may_lack_rows(self, entries: DataFrame) -> bool:
        """Return whether the table may have lost rows of the entries, with nothing in the graph that tells so."""
        step, table = self.step, self.step.table
        if self.run.account.outcomes["dead_lettered"]:
            return True  # the node of such a row keeps what an earlier row wrote
        if not table.edge:
            return False
        if step.load.source_mode != APPEND or table.deleted_when:
            return True
        return bool(entries.where(F.col("load_id") != step.load.load_id).limit(1).count())

    def _writer(self) -> GraphWriter:
        step = self.step
        return GraphWriter(step.target, step.table, StoredVersion(_VERSION), 0, _NO_LIMIT, step.limits)

    def _record(self, closed: DataFrame, still: DataFrame | None) -> None:
        """Close the dead letters of the edges, and record the bookmarks of what was written."""
        step, attempt = self.step, self.step.load.attempt()
        self._close_letters(closed, still, attempt)
        written = registry.newest_bookmarks(step.target.connection)
        step.ledger.record(self.spark, step.target.run_id, AGAIN, attempt, account=Account(), bookmarks=written)

    def _close_letters(self, closed: DataFrame, still: DataFrame | None, attempt: str) -> None:
        """Close the dead letters of edges that found no end, except of rows whose newer edge waits."""
        step = self.step
        if not (step.position.has_letters or self.run.account.has_letters):
            return
        if still is not None:
            closed = closed.join(still, [KEY, "type"], "left_anti")
        edges = closed.select("load_id", "row_key", F.concat(F.lit("relationships "), "type").alias("stage"))
        letters = open_letters.of_load(self.spark, self.state, step.table, step.load)
        without_end = letters.where(F.col("reason_class") == "end_missing")
        settled = without_end.join(edges, ["load_id", "row_key", "stage"], "left_semi")
        closing = DeadLetters(self.state, step.table, step.load.load_id, AGAIN, attempt)
        closing.append(closing.closing(settled))

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
        written = own.groupBy(KEY).agg(newest.alias("newest")).select(KEY, "newest.*")
        sound = self._sound(rows, written)
        recorded = sound.dropDuplicates([KEY, "row_hash"]).join(written, [KEY, "row_hash"])
        unhashed = written.where(F.col("row_hash").isNull()).select(KEY, F.col(_VERSION).alias("version"))
        lost = _having_edges(table, sound, own.join(unhashed, [KEY, "version"], "left_semi"))
        return recorded.select(*lost.columns).unionByName(lost).withColumn("content_hash", F.col("sent_hash"))

    def _sound(self, rows: DataFrame, written: DataFrame) -> DataFrame:
        """Return the frozen sound rows, of these contract rows, that have the keys of `written`; with `row_hash`."""
        table = self.step.table
        typed = waiting_edges.row_with_key(table, with_typed_values(table.keys_only(), rows))
        rows = typed.join(written.select(KEY), KEY, "left_semi").select(*rows.columns)
        partitions = max(self.step.target.write_partitions, self.slices)
        ranked = ranking.ranked(table, validated(table, rows), self.step.cache.model_id, partitions)
        frozen = freeze.freeze(table, ranked, f"{self.folder}/rows", self.slices)
        sound = frozen.where(F.col(ranking.STATE).isin(ranking.WINNER, ranking.SUPERSEDED))
        return waiting_edges.row_with_key(table, sound).withColumn("row_hash", waiting_edges.row_hash(table))

    def _pass(self, rows: DataFrame) -> DataFrame | None:
        """Write the edges, slice by slice; return the edges that wait on (`EDGE` and version), None if none do."""
        writer, still, schema = self._writer(), False, None
        for number in range(self.slices):
            part = rows.where(F.col(freeze.SLICE) == number)
            for kind, written in self._written(writer, part):
                self._count(kind, written)
                keys = [*written.waiting, *(refusal["key"] for refusal in written.refusals)]
                if keys:
                    found = waiting_edges.with_key(self.step.table, self.waiting.of(part, keys, kind, F.col(_VERSION)))
                    entries = found.select(*_EDGE, "version").distinct()
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


def _having_edges(table: Table, sound: DataFrame, lost: DataFrame) -> DataFrame:
    """
    Return the sound rows that have edges which went with their end nodes, with the versions and hashes of the entries.

    Of several such rows of a key it is the one with the edges and the content that the graph has, or else the winner.
    """
    edge = [KEY, "type", "end_key", "relationship_key"]
    written = {"version": _VERSION, "content_hash": "sent_hash", "rel_hash": "sent_edges"}
    wanted = lost.select(*edge, *(F.col(name).alias(other) for name, other in written.items()))
    having = waiting_edges.with_edges(table, sound).join(wanted, edge)
    likely = [
        F.col("rel_hash") == F.col("sent_edges"),
        F.col("content_hash") == F.col("sent_hash"),
        F.col(ranking.STATE) == ranking.WINNER,
    ]
    best = Window.partitionBy(KEY).orderBy(*(each.desc_nulls_last() for each in likely), "row_hash")
    first = having.withColumn("place", F.row_number().over(best)).where(F.col("place") == 1)
    return first.select(*sound.columns, _VERSION, "sent_hash")
