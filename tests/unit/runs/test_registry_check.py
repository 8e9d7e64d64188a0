"""What the graph's registry and the ledger say together when a load begins."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph.registry import Entry
from delta_neo4j.runs.registry_check import check_state, lacking
from delta_neo4j.state.ledger import NOTHING_RECORDED, LedgerPosition


def _entry(version):
    return Entry("removals", "t", "append", "state", "load", 4, version)


def _recorded(registered, rows=9):
    return LedgerPosition(4, rows, read_before=False, newest_epoch=0, registered=registered)


@pytest.mark.parametrize(
    ("entry", "position", "lacks"),
    [
        (_entry(7), _recorded(7), None),
        (_entry(8), _recorded(7), None),  # killed before its ledger row, or another checkpoint of the state
        (_entry(6), _recorded(7), "nothing after micro-batch 4 of load load"),
        (None, _recorded(7), "does not know the table"),
        (None, NOTHING_RECORDED, None),
        (_entry(6), NOTHING_RECORDED, None),
    ],
)
def test_a_graph_must_hold_what_the_ledger_has_recorded(entry, position, lacks):
    """An entry that is absent or older means that the graph was emptied or restored."""
    found = lacking(entry, position, lambda: pytest.fail("the nodes decide nothing here"))
    assert found is None if lacks is None else lacks in found


@pytest.mark.parametrize(("has_rows", "lacks"), [(True, None), (False, "it has none of the rows")])
def test_of_a_ledger_from_before_the_registry_the_rows_decide(has_rows, lacks):
    """It has no mark, and the graph has no entry yet."""
    assert lacking(None, _recorded(None), lambda: has_rows) == lacks
    assert lacking(_entry(1), _recorded(None), lambda: has_rows) is None
    assert lacking(None, _recorded(None, rows=0), lambda: has_rows) is None


def test_another_states_graph_is_refused_unless_it_is_taken_over():
    """The line names the state and the flag."""
    with pytest.raises(PreflightError, match=r"another state \(id state, load load\) has loaded .*--take-over"):
        check_state(_entry(7), "mine", take_over=False)
    check_state(_entry(7), "mine", take_over=True)
    check_state(_entry(7), "state", take_over=False)
    check_state(None, "mine", take_over=False)
