"""What the ledger says of a load is the same whoever reads it, `deltalake` or Spark."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from delta_neo4j.state.account import Account
from delta_neo4j.state.ledger import NOTHING_RECORDED, SWEEP, Ledger, LedgerPosition
from delta_neo4j.state.schemas import SCHEMAS
from delta_neo4j.state.tables import State
from tests.support.states import as_on_a_cluster, batch, without_an_answer

OTHER, EARLIER, LOAD = "1500000000000-cccccccccccc", "1600000000000-aaaaaaaaaaaa", "1700000000000-bbbbbbbbbbbb"
FEED = {"insert": 7, "update_preimage": 2, "update_postimage": 2, "delete": 3}
CLEAN = {"written": 9, "dead_lettered": 0}


@pytest.fixture(params=["deltalake", "Spark", "Spark, as deltalake cannot"])
def by(request, spark, monkeypatch):
    """Let the state be read by one of the two."""
    if "cannot" in request.param:
        without_an_answer(monkeypatch)
        yield request.param
        return
    with nullcontext() if request.param == "deltalake" else as_on_a_cluster(spark):
        yield request.param


def _record(spark, ledger, batch_id, epoch, account, version=None):
    ledger.record(spark, "r1", batch_id, f"{epoch:013d}-a", account=account, bookmarks=(), version=version)


@pytest.mark.usefixtures("by")
def test_a_position_is_that_of_one_load_and_knows_of_earlier_ones(spark, tmp_path):
    """A feed grows by what it inserts less what it deletes, whatever the order of its kinds; the epoch is of any."""
    state = State(str(tmp_path))
    ledger = Ledger(state, LOAD, "it's a name", "cdf")
    assert ledger.position(spark) == NOTHING_RECORDED
    _record(spark, Ledger(state, OTHER, "other", "append"), 3, 1900000000000, Account(rows_read=5, outcomes=CLEAN))
    assert ledger.position(spark) == LedgerPosition(-1, 0, read_before=False, newest_epoch=1900000000000)
    refused = Account(rows_read=4, outcomes={"written": 3, "dead_lettered": 1})
    _record(spark, Ledger(state, EARLIER, "it's a name", "cdf"), 0, 1600000000000, refused)
    _record(spark, ledger, 0, 1700000000000, Account(rows_read=5, outcomes=CLEAN), version=70)
    assert ledger.position(spark) == LedgerPosition(0, 5, True, 1900000000000, registered=70)
    feed = dict(reversed(FEED.items()))
    _record(spark, ledger, 1, 1700000000001, Account(rows_read=14, kinds=FEED, outcomes=CLEAN), version=71)
    _record(spark, ledger, 2, 1700000000002, Account(rows_read=14, kinds=feed, outcomes=CLEAN))
    _record(spark, ledger, SWEEP, 1700000000003, Account())
    at = {"read_before": True, "newest_epoch": 1900000000000, "registered": 71, "swept": True}
    assert ledger.position(spark) == LedgerPosition(2, 5 + 4 + 4, **at)
    _record(spark, ledger, 3, 1700000000004, refused)
    assert ledger.position(spark) == LedgerPosition(3, 5 + 4 + 4 + 4, **at, has_letters=True)
    assert Ledger(state, "", "it's a name", "cdf").position(spark).swept_before


def test_the_ledger_of_an_older_release_lacks_columns(spark, by, tmp_path):
    """It had rows of one kind and no versions; the attempt of the oldest release began with no moment."""
    state = State(str(tmp_path / by))
    rows = [batch("r1", number, Account(rows_read=4, outcomes=CLEAN), LOAD) for number in (0, 1)]
    older = spark.createDataFrame(rows, SCHEMAS["ledger"]).drop("kinds", "version", "swept", "bookmarks")
    state.append(older, "ledger")
    ledger = Ledger(state, LOAD, "removals", "append")
    assert ledger.position(spark) == LedgerPosition(1, 8, read_before=False, newest_epoch=0)
    batches, account = ledger.of_run(spark, "r1")
    assert (batches, account.rows_read, account.kinds, account.swept) == (2, 8, {}, 0)
    assert state.read(spark, "ledger").schema == spark.createDataFrame([], SCHEMAS["ledger"]).schema
