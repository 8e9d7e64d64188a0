"""
The ledger: one row with the account of each recorded micro-batch.

The row is written last, so a micro-batch is done exactly if its row exists. A sweep has a row too, with the batch id
`SWEEP`: it is due until that row exists. Rows of the table that are written once more (by a repair, a retry of dead
letters) have the batch id `AGAIN`: they are no new rows of the load.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from delta_neo4j.state.account import SIGNS, Account

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.state.tables import State


SWEEP, AGAIN = -1, -2  # batch ids


def _count(kind: str) -> str:
    # Spark and `deltalake` have no function for JSON in common.
    number = f"""split_part(split_part(kinds, '"{kind}": ', 2), ',', 1)"""
    return f"coalesce(CAST(nullif(regexp_replace({number}, '[^0-9]', ''), '') AS BIGINT), 0)"


# SQL of what a ledger row says. Only a change feed has kinds.
_OF_FEED = " + ".join(f"({sign} * {_count(kind)})" for kind, sign in SIGNS.items())
_GROWTH = f"(CASE WHEN length(kinds) > 2 THEN {_OF_FEED} ELSE rows_read END)"
_EPOCH = "CASE WHEN regexp_like(attempt, '^[0-9]+-') THEN split_part(attempt, '-', 1) END"
_REFUSED = """regexp_like(concat(outcomes, relationships), '"dead_lettered": [1-9]')"""


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
        rows = self.state.rows(spark, f"SELECT embedding, seconds FROM {{ledger}} WHERE run_id = '{run_id}'")
        recorded = [(json.loads(row["embedding"]), json.loads(row["seconds"])) for row in rows]
        texts = sum(terms["texts_embedded"] + terms["texts_faulted"] for terms, _ in recorded)
        return texts, sum(seconds.get("embed", 0.0) for _, seconds in recorded)

    def position(self, spark: SparkSession) -> LedgerPosition:
        """Return what the ledger has recorded of this load, and of earlier loads."""
        of_load = f"load_id = '{self.load_id}'"
        of_stream, of_sweep = f"{of_load} AND batch_id >= 0", f"batch_id = {SWEEP}"
        # Of a load that begins, no letter is open: it reads every row again.
        since = f"load_id >= '{self.load_id or '~'}'"
        tables = self.state.rows(
            spark,
            f"SELECT table_name, max(CASE WHEN {of_stream} THEN batch_id END) AS last_recorded, "
            f"sum(CASE WHEN {of_stream} THEN {_GROWTH} ELSE 0 END) AS rows_recorded, "
            f"max(CASE WHEN {of_load} THEN 0 ELSE 1 END) AS read_before, max({_EPOCH}) AS newest_epoch, "
            f"max(CASE WHEN {of_load} THEN version END) AS registered, "
            f"max(CASE WHEN {of_load} AND {of_sweep} THEN 1 ELSE 0 END) AS swept, "
            f"max(CASE WHEN NOT {of_load} AND {of_sweep} THEN 1 ELSE 0 END) AS swept_before, "
            f"max(CASE WHEN {since} AND {_REFUSED} THEN 1 ELSE 0 END) AS has_letters "
            "FROM {ledger} GROUP BY table_name",
        )
        newest = max((int(table["newest_epoch"] or 0) for table in tables), default=0)
        of_table = next((table for table in tables if table["table_name"] == self.table_name), None)
        if of_table is None:
            return replace(NOTHING_RECORDED, newest_epoch=newest)
        last = of_table["last_recorded"]
        return LedgerPosition(
            last_recorded=-1 if last is None else last,
            rows_recorded=of_table["rows_recorded"],
            newest_epoch=newest,
            registered=of_table["registered"],
            **{name: bool(of_table[name]) for name in ("read_before", "swept", "swept_before", "has_letters")},
        )

    def of_run(self, spark: SparkSession, run_id: str) -> tuple[int, Account]:
        """Return (number of micro-batches, sum of their accounts) of this load in one run."""
        of_load_and_run = f"load_id = '{self.load_id}' AND run_id = '{run_id}'"
        rows = self.state.rows(spark, f"SELECT * FROM {{ledger}} WHERE {of_load_and_run}")
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


def _account(row: dict[str, Any]) -> Account:
    return Account(
        rows_read=row["rows_read"],
        kinds=json.loads(row["kinds"] or "{}"),
        outcomes=json.loads(row["outcomes"]),
        without_text=row["without_text"],
        swept=row["swept"] or 0,
        truncated=row["truncated"],
        relationships=json.loads(row["relationships"]),
        embedding=json.loads(row["embedding"]),
        writer=json.loads(row["writer"]),
        seconds=json.loads(row["seconds"]),
    )
