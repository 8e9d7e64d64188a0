"""The lines that a person reads at the end of a run."""

from __future__ import annotations

import datetime as dt
import io

from rich.console import Console

from delta_neo4j.runs.report.summary import RunReport, TableRun
from delta_neo4j.runs.report.terminal import page
from delta_neo4j.state.account import Account


def _table(name, written, without_end):
    account = Account(rows_read=written + without_end)
    account.outcomes.update(written=written, without_end=without_end)
    account.edges("REPORTS_TO").update(expected=written, written=written, parallel=written)
    account.writer.update(transactions=2, end_nodes_created=1200)
    return TableRun(name, "load", "append", 1, batches=1, account=account)


def test_the_page_says_what_has_no_end_what_was_created_and_what_may_be_lost():
    """Rows without an end and end nodes are counted; a table that makes nothing has a line, which names the cause."""
    tables = [_table("staff", 1750, 250), _table("empty", 0, 40)]
    screen = io.StringIO()
    Console(file=screen, width=240).print(page(RunReport("r", dt.datetime.now(dt.UTC), tables=tables)))
    shown = screen.getvalue()
    assert "balanced: 2,040 rows read = 1,750 written + 290 without-end" in shown
    assert "4 transactions, 0 retried, 0 deadlocks; 2,400 end nodes created" in shown
    assert "1,750 rows have the two nodes of another REPORTS_TO and other content" in shown
    assert shown.count("no row has both ends: check the columns of `from` and `to`") == 1


def test_a_run_that_only_swept_is_not_called_nothing_new():
    """What the source has no more is counted beside the rows; a view has no version to name."""
    run = TableRun("staff", "load", "snapshot", None, account=Account(swept=1200))
    screen = io.StringIO()
    Console(file=screen, width=240).print(page(RunReport("r", dt.datetime.now(dt.UTC), tables=[run])))
    shown = screen.getvalue()
    assert "0 rows in 0 micro-batches, the source as it was" in shown
    assert "1,200 deleted that the source has no more" in shown
    assert "nothing new" not in shown
