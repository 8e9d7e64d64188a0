"""
The ledger: one row with the account of each recorded micro-batch.

The row is written last, so a micro-batch is done exactly if its row exists. A sweep has a row too, with the batch id
`SWEEP`: it is due until that row exists. Rows of the table that are written once more (by a repair, a retry of dead
letters) have the batch id `AGAIN`: they are no new rows of the load.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from delta_neo4j.state.account import SIGNS, Account

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

    from delta_neo4j.state.tables import State


SWEEP, AGAIN = -1, -2  # batch ids


@dataclass(frozen=True)
class LedgerPosition:
    """What the ledger has recorded of a load when a run continues it. The batch ids of a load have no gaps."""

    last_recorded: int  # batch id, -1 if none
    rows_recorded: int  # by how many rows the table has grown by them, since the load began
    read_before: bool  # whether an earlier load recorded micro-batches of the same table
    newest_epoch: int  # of any load in the state, in milliseconds since 1970
    # The highest version that the graph's registry got too; None: none, or by an older release.
    registered: int | None = None
    swept: bool = False  # whether the load's sweep is done
    swept_before: bool = False  # whether an earlier load's was
    has_letters: bool = False  # whether a micro-batch of the load, or a frame since it began, had dead letters


NOTHING_RECORDED = LedgerPosition(last_recorded=-1, rows_recorded=0, read_before=False, newest_epoch=0)


@dataclass(frozen=True)
class Ledger:
    """The ledger rows of one load of one table."""

    state: State
    load_id: str
    table_name: str
    source_mode: str

    def spent(self, spark: SparkSession, run_id: str) -> tuple[int, float]:
        """Return (texts, seconds) of the model calls in a run: those of all its tables' recorded micro-batches."""
        # Imported in the methods, not above: a summary is also shown on machines without pyspark.
        from pyspark.sql import functions as F  # noqa: N812

        rows = self.state.read(spark, "ledger").where(F.col("run_id") == run_id).select("embedding", "seconds")
        recorded = [(json.loads(row["embedding"]), json.loads(row["seconds"])) for row in rows.collect()]
        texts = sum(terms["texts_embedded"] + terms["texts_faulted"] for terms, _ in recorded)
        return texts, sum(seconds.get("embed", 0.0) for _, seconds in recorded)

    def position(self, spark: SparkSession) -> LedgerPosition:
        """Return what the ledger has recorded of this load, and of earlier loads."""
        from pyspark.sql import functions as F  # noqa: N812

        of_load = F.col("load_id") == self.load_id
        earlier = (F.col("table_name") == self.table_name) & ~of_load
        ledger = self.state.read(spark, "ledger")
        added = F.col("rows_read")
        if "kinds" in ledger.columns:  # an older version's ledger has no such column
            # Only a change feed has kinds.
            of_feed = reduce(add, (_signed(F.get_json_object("kinds", f"$.{kind}"), SIGNS[kind]) for kind in SIGNS))
            added = F.when(F.length("kinds") > len("{}"), of_feed).otherwise(added)
        of_sweep, of_stream = F.col("batch_id") == SWEEP, of_load & (F.col("batch_id") >= 0)
        # Of a load that begins, no letter is open: it reads every row again.
        of_table = (F.col("table_name") == self.table_name) & (F.col("load_id") >= (self.load_id or "~"))
        refused = F.concat("outcomes", "relationships").rlike(r'"dead_lettered": [1-9]')
        totals = ledger.agg(
            F.max(F.when(of_stream, F.col("batch_id"))),
            F.sum(F.when(of_stream, added)),
            F.max(F.when(earlier, 1)),
            F.max(F.regexp_extract("attempt", r"^(\d+)-", 1)),
            F.max(F.when(of_load, F.col("version"))) if "version" in ledger.columns else F.lit(None),
            F.max(F.when(of_load & of_sweep, 1)),
            F.max(F.when(earlier & of_sweep, 1)),
            F.max(F.when(of_table & refused, 1)),
        )
        batch, rows, before, epoch, version, *others = totals.collect()[0]
        last = -1 if batch is None else int(batch)
        return LedgerPosition(last, int(rows or 0), bool(before), int(epoch or 0), version, *map(bool, others))

    def of_run(self, spark: SparkSession, run_id: str) -> tuple[int, Account]:
        """Return (number of micro-batches, sum of their accounts) of this load in one run."""
        from pyspark.sql import functions as F  # noqa: N812

        of_load_and_run = (F.col("load_id") == self.load_id) & (F.col("run_id") == run_id)
        rows = self.state.read(spark, "ledger").where(of_load_and_run).collect()
        total = Account()
        for row in rows:
            total.add(_account(row))
        return sum(row["batch_id"] >= 0 for row in rows), total

    def record(
        self,
        spark: SparkSession,
        run_id: str,
        batch_id: int,
        attempt: str,
        *,
        account: Account,
        bookmarks: tuple[str, ...],
        version: int | None = None,
    ) -> None:
        """
        Append the ledger row of a micro-batch; Delta ignores a second row of the same load and batch id.

        There may be several rows of the batch ids `SWEEP` and `AGAIN`. `bookmarks`: those of the last transaction of
        Neo4j. `version`: the micro-batch's version in the graph's registry, None if it is not registered there.
        """
        row = (
            self.load_id, batch_id, attempt, run_id, self.table_name, self.source_mode, account.rows_read,
            json.dumps(account.outcomes), account.without_text, account.truncated, json.dumps(account.relationships),
            json.dumps(account.embedding), json.dumps(account.writer), json.dumps(account.seconds),
            dt.datetime.now(dt.UTC), json.dumps(account.kinds), version, account.swept, json.dumps(bookmarks),
        )  # fmt: skip
        self.state.append_rows(spark, "ledger", [row], once=(self.load_id, batch_id) if batch_id >= 0 else None)


def _signed(count: Column, sign: int) -> Column:
    from pyspark.sql import functions as F  # noqa: N812

    return F.coalesce(count.cast("bigint") * sign, F.lit(0))


def _account(row: Any) -> Account:
    return Account(
        rows_read=row["rows_read"],
        kinds=json.loads(row.asDict().get("kinds") or "{}"),
        outcomes=json.loads(row["outcomes"]),
        without_text=row["without_text"],
        swept=row.asDict().get("swept") or 0,
        truncated=row["truncated"],
        relationships=json.loads(row["relationships"]),
        embedding=json.loads(row["embedding"]),
        writer=json.loads(row["writer"]),
        seconds=json.loads(row["seconds"]),
    )
