"""How far a stream has read, from the progress that each Spark version reports, and what the rows must then sum to."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from delta_neo4j.errors import BalanceError
from delta_neo4j.runs.report.summary import TableRun
from delta_neo4j.runs.stream import reconcile, version_reached
from delta_neo4j.state.account import Account

WHOLE = {"sourceVersion": 1, "reservoirId": "a-1", "reservoirVersion": 7, "index": 3, "isStartingVersion": False}
NOT_BEGUN = {**WHOLE, "index": -1}


@pytest.mark.parametrize(("offset", "version"), [(WHOLE, 7), (NOT_BEGUN, 6)])
@pytest.mark.parametrize("form", [json.dumps, dict, str])
@pytest.mark.parametrize(
    "progress",
    [
        lambda end: {"sources": [{"endOffset": end}]},
        lambda end: SimpleNamespace(sources=[SimpleNamespace(endOffset=end)]),
    ],
    ids=["dict", "object"],
)
def test_every_form_of_an_offset_is_read(offset, version, form, progress):
    """JSON, a dict or its repr; index -1 means that the version named is still to be read."""
    assert version_reached(progress(form(offset)), newest=9) == version


@pytest.mark.parametrize("progress", [None, {"sources": [{"endOffset": "none"}]}])
def test_without_an_offset_the_newest_version_counts(progress):
    """A stream that had nothing to read, or says nothing of it, is held against the newest version."""
    assert version_reached(progress, newest=9) == 9


def test_rows_that_were_not_read_stop_the_run():
    """The line names the table, the version and the difference."""
    run = TableRun("removals", "l", "append", 4, account=Account(rows_read=5))
    reconcile(run, rows_recorded=10, rows_in_table=15)
    with pytest.raises(BalanceError, match=r"removals does not add up: version 4 has 16 rows, .* read 15 \(\+1\)"):
        reconcile(run, rows_recorded=10, rows_in_table=16)
