"""The gate: how many dead letters of a micro-batch are the rows' fault."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delta_neo4j.errors import DeadLetterGateError
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.state import dead_letters
from delta_neo4j.state.dead_letters import DeadLetterBuffer, Letters


def test_the_gate_lets_a_few_pass_and_stops_a_tenth(monkeypatch):
    """Up to a hundred, or a tenth, are the rows' fault; more is a mistake."""
    assert LIMITS.dead_letters(50) == 100
    assert LIMITS.dead_letters(10_000) == 1_000
    monkeypatch.setattr(dead_letters, "_most_frequent", lambda _: "1,001 key_missing (the key is null)")
    kept = []
    rows = SimpleNamespace(sparkSession=None)
    rows.unionByName = lambda _: rows
    letters = SimpleNamespace(
        table=SimpleNamespace(name="removals"), append=kept.append, kept=lambda _: 1_001, batch_id=0
    )
    held = DeadLetterBuffer(letters, 10_000, LIMITS.dead_letters(10_000), lambda _, value: value)
    held.add(Letters(rows, {"key_missing": 1_000}))
    with pytest.raises(DeadLetterGateError, match=r"1001 of 10000.*1,001 key_missing"):
        held.add(Letters(rows, {"key_missing": 1}))
    assert kept == [rows]  # so that there is something to look at
