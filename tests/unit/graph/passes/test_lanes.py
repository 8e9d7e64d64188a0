"""How many transactions of one task are under way at the same time."""

from __future__ import annotations

from threading import Event

import pytest

from delta_neo4j.graph.bolt.transactions import Effort
from delta_neo4j.graph.passes.lanes import MOST, Lanes


class _Session:
    """Has committed ten transactions of a tenth of a second each."""

    def __init__(self, away):
        self.effort, self.seconds, self.away, self.round_trip = Effort(transactions=10), 1.0, away, None

    def measure(self):
        self.round_trip = self.away


@pytest.mark.parametrize(("away", "wanted"), [(0.0, 1), (0.001, 2), (0.02, 3), (0.03, MOST), (0.1, MOST)])
def test_the_farther_the_server_the_more_transactions_are_under_way(away, wanted):
    """A tenth of a second a transaction, of which three trips to the server are waiting."""
    lanes = Lanes(lambda: _Session(away))
    lanes.run(lambda _: None)
    assert lanes.sessions[0].round_trip is None  # a task with one transaction does not ask
    lanes.run(lambda _: None)
    assert lanes.wanted() == wanted
    lanes.finish()
    lanes.close()


def test_a_failed_write_is_raised_when_the_next_one_begins_or_at_the_end():
    """Nothing is lost: the task fails."""
    lanes = Lanes(lambda: _Session(0.0))

    def fail(_):
        raise ValueError("refused")

    lanes.run(fail)
    with pytest.raises(ValueError, match="refused"):
        lanes.run(lambda _: None)
    lanes.run(fail)
    with pytest.raises(ValueError, match="refused"):
        lanes.finish()
    lanes.close()


def test_two_writes_under_way_have_two_sessions_and_a_free_session_is_used_again():
    """A session belongs to one thread at a time."""
    lanes, goes_on, used = Lanes(lambda: _Session(0.001)), Event(), []
    lanes.run(used.append)
    lanes.finish()
    for _ in range(2):
        lanes.run(lambda session: (used.append(session), goes_on.wait(10)))
    goes_on.set()
    lanes.finish()
    lanes.close()
    assert used[0] in used[1:]
    assert len(set(map(id, used))) == len(lanes.sessions) == 2
