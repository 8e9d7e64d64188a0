"""Which indexes can answer."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import GraphUnavailableError, PreflightError
from delta_neo4j.graph.search.opened import usable


def test_an_index_that_neo4j_still_fills_is_waited_for_by_the_user():
    """Exit code 3, because searching again helps; a failed index must be dropped, exit code 2."""
    index = {"name": "v", "state": "ONLINE", "populationPercent": 100.0}
    assert usable(index) == index
    with pytest.raises(GraphUnavailableError, match=r"index v is still populating \(37 %\): wait .* search again"):
        usable({**index, "state": "POPULATING", "populationPercent": 37.2})
    with pytest.raises(PreflightError, match=r"index v is FAILED: drop it \(DROP INDEX v\)"):
        usable({**index, "state": "FAILED"})
