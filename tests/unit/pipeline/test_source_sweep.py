"""The guard on a sweep, and the equation of a snapshot."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delta_neo4j.errors import BalanceError, DeleteGuardError
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.pipeline.source_sweep import Lost, SourceSweep
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.state.account import Account

THING = {"name": "things", "source": "t", "labels": ["Thing"], "key": [{"column": "id"}]}


def _sweep(*, older=False, swept_before=False, allowed=None, deleted=0, mode="snapshot"):
    step = SimpleNamespace(
        table=MappingModel(tables=[THING]).tables[0].planned(),
        load=SimpleNamespace(source_mode=mode),
        position=SimpleNamespace(swept_before=swept_before),
        allow_deletes=allowed,
        limits=LIMITS,
    )
    account = Account()
    account.outcomes.update(deleted=deleted, written=3, unchanged=4, dead_lettered=2)
    return SourceSweep(step, None, (), account, older)


@pytest.mark.parametrize(
    ("lost", "own", "options", "limit"),
    [
        (0, 0, {}, None),
        (1_000, 1_001, {}, None),
        (1_001, 1_002, {}, 1_000),
        (2_000, 10_000, {}, None),
        (2_000, 10_000, {"deleted": 1}, 2_000),
        (5, 5, {}, 4),  # the last one
        (5, 5, {"allowed": 5}, None),
        (5, 6, {"allowed": 4}, 4),
        (1, 9, {"older": True}, 0),
        (1, 9, {"older": True, "swept_before": True}, None),
        (0, 9, {"older": True}, None),
    ],
)
def test_a_sweep_stops_before_it_deletes_too_much(lost, own, options, limit):
    """More than a fifth and a thousand, the last node, or anything of a graph that was never swept."""
    sweep, found = _sweep(**options), Lost(None, lost, own)
    if limit is None:
        sweep.check_guard(found)
        return
    with pytest.raises(DeleteGuardError) as stopped:
        sweep.check_guard(found)
    deleted = options.get("deleted", 0)
    assert stopped.value.details == {"would_remove": lost + deleted, "of": own + deleted, "limit": limit}


def test_the_graph_has_the_rows_of_a_snapshot():
    """As many keys as rows were written or unchanged, and at most the dead letters more; a stream has no such sum."""
    for kept in (7, 9):
        _sweep()._check(kept)
    for kept in (6, 10):
        with pytest.raises(BalanceError, match=f"has nodes of {kept} keys"):
            _sweep()._check(kept)
        _sweep(mode="append")._check(kept)
