"""
The sweep of one table at the end of a run: what the source has no more is deleted from the graph.

A load that reads a table from its beginning meets no delete of the rows that went before. So when it has read all rows,
it lists the keys that rows of this source have in the graph, reads the keys of all rows of the table as it stands, and
deletes the others; each only if its node or edge still has the version that was listed. Rows that are dead letters
count, rows that say that they are deleted do not. Rows of frames and of other sources are not listed.

`runs.sweep` has the order over all tables. The hook `sweep` receives the keys that are to go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.errors import BalanceError
from delta_neo4j.graph import deletes, own_rows, registry
from delta_neo4j.graph.versions import BatchVersion
from delta_neo4j.graph.writer import GraphWriter
from delta_neo4j.pipeline import gone_keys, lost_edges
from delta_neo4j.pipeline.slices import add_effort
from delta_neo4j.source import freeze
from delta_neo4j.source.row_columns import with_typed_values
from delta_neo4j.source.snapshot import SNAPSHOT
from delta_neo4j.state.account import Account
from delta_neo4j.state.ledger import SWEEP

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.pipeline.step import Step


@dataclass(frozen=True)
class Lost:
    """The keys (k0…, and version v) that go: `count` of the `own` that the source has in the graph."""

    keys: DataFrame
    count: int
    own: int


@dataclass(frozen=True)
class SourceSweep:
    """
    The sweep of the table of `step`, which this run has read to its end with the account `read`.

    `rows`: the contract rows of the table as it stands, without those that say that they are deleted. `tokens`: the
    source tokens of all its loads. `from_older_release`: whether a release without sweeps has loaded the graph.
    """

    step: Step
    rows: DataFrame
    tokens: tuple[str, ...]
    read: Account
    from_older_release: bool

    def find(self) -> Lost:
        """Return the keys that go; raise `BalanceError` if the graph has not the rows of a snapshot."""
        step, spark, folder = self.step, self.rows.sparkSession, f"{self.step.staging_path}/sweep"
        table, names = step.table, [f"k{i}" for i in range(len(step.table.key))]
        own = own_rows.listed(spark, step.target, table, self.tokens, f"{folder}/own")
        typed = with_typed_values(table.keys_only(), self.rows)
        present = gone_keys.with_keys(table, typed, names).select(*names)
        # Without the hint Spark may take the keys for few, and millions of them would fill the driver's memory.
        freeze.overwrite(own.join(present.hint("merge"), names, "left_anti"), f"{folder}/lost")
        keys = spark.read.schema(own.schema).parquet(f"{folder}/lost")
        lost = Lost(step.hook("sweep", keys), keys.count(), own.count())
        self._check(lost.own - lost.count)
        return lost

    def _check(self, kept: int) -> None:
        """Compare the number of keys that stay with the rows of a snapshot, which are all rows of the table."""
        table, outcomes = self.step.table, self.read.outcomes
        if self.step.load.source_mode != SNAPSHOT or table.deleted_when or table.edge:
            return  # two edge lists may write one edge, which is then the last one's
        winners = outcomes["written"] + outcomes["unchanged"]
        if not winners <= kept <= winners + outcomes["dead_lettered"] + outcomes["superseded"]:
            raise BalanceError(
                f"table {table.name} does not add up: the graph has nodes of {kept} keys of the source, this run has "
                f"read {winners} rows for nodes and {outcomes['dead_lettered']} dead letters; nothing is swept"
            )

    def check_guard(self, lost: Lost) -> None:
        """Raise `DeleteGuardError` if the sweep would delete more than a run may, or the table's last node."""
        step = self.step
        deleted = self.read.outcomes["deleted"]
        limit, so_far = step.allow_deletes, "the rows of the source are written, and nothing is swept"
        if limit is None:
            limit = step.limits.deletes(lost.own + deleted)
            if lost.count == lost.own:
                limit = min(limit, deleted + lost.count - 1)
            if self.from_older_release and not step.position.swept_before:
                limit, so_far = 0, f"the graph was loaded by a release that swept nothing; {so_far}"
        if lost.count:
            gone_keys.stop_above(limit, step.table, deleted + lost.count, lost.own + deleted, so_far)

    def delete(self, lost: Lost) -> Account:
        """Delete what the keys have in the graph; return the account of it."""
        step, account = self.step, Account()
        if lost.count:
            version = BatchVersion(step.target.source_token, step.load.version(0))
            writer = GraphWriter(step.target, step.table, version, SWEEP, 0, step.limits)
            with account.timed("write"):
                lost_edges.keep(step, writer, lost.keys, (SWEEP, step.load.attempt()), listed=True)
                counts = writer.delete_listed(lost.keys, step.leads).counts
            account.swept = counts["deleted"]
            add_effort(account, counts)
        return account

    def delete_stubs(self, account: Account) -> None:
        """Delete the text nodes and end nodes without relationships, also those that a killed sweep left."""
        table, connection = self.step.table, self.step.target.connection
        with account.timed("write"):
            for label in dict.fromkeys(each.end_label for each in table.relationships if each.of_text):
                deletes.sweep(connection, table, label)
            deletes.sweep_ends(connection, table)

    def record(self, spark: SparkSession, account: Account) -> None:
        """Record in the ledger that the sweep is done."""
        step = self.step
        bookmarks = registry.newest_bookmarks(step.target.connection)
        step.ledger.record(spark, step.target.run_id, SWEEP, step.load.attempt(), account=account, bookmarks=bookmarks)
