"""A comparison during which a load wrote is made once more."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from types import SimpleNamespace

import pytest

from delta_neo4j.runs.verify import verify as verify_run
from delta_neo4j.runs.verify.report import TableCheck
from delta_neo4j.settings.values import EmbeddingSettings, LoadSettings, Neo4jSettings

STILL, BETWEEN, WRITES = (
    ([{"version": version, "loading": False}], writes) for version, writes in ((1, False), (2, False), (1, True))
)


@pytest.mark.parametrize(
    ("marks", "differs", "times", "moved"),
    [
        ([STILL, STILL], [False], 1, False),
        ([STILL, STILL], [True], 1, False),
        ([STILL, BETWEEN], [False], 1, False),  # equal is equal
        ([STILL, BETWEEN, BETWEEN, BETWEEN], [True, False], 2, False),
        ([WRITES, STILL, STILL, STILL], [True, True], 2, False),
        ([STILL, BETWEEN, BETWEEN, WRITES], [True, True], 2, True),
    ],
)
def test_a_difference_that_a_load_may_have_made_is_compared_again(monkeypatch, marks, differs, times, moved):
    """Not more than once more; if a load wrote then too, the report says so."""
    asked, answers, compared = iter(marks), iter(differs), []

    def compare(*_, **__):
        check = TableCheck("parts", 1, "load", "digest", differences={"missing": int(next(answers))})
        compared.append(SimpleNamespace(check=check))
        return compared[-1]

    place = SimpleNamespace(owners=SimpleNamespace(registered=["t"]), path="p", table=SimpleNamespace(timezone="UTC"))
    place.load = None
    monkeypatch.setattr(verify_run, "look", lambda *_: [place])
    monkeypatch.setattr(verify_run, "after_loads", lambda *_: None)
    monkeypatch.setattr(verify_run.registry, "marks", lambda *_: next(asked))
    monkeypatch.setattr(verify_run, "compared", compare)
    monkeypatch.setattr(verify_run, "deciding_values", lambda *_: nullcontext())
    monkeypatch.setattr(verify_run, "clear_scratch", lambda _: None)
    neo4j = Neo4jSettings(uri="bolt://127.0.0.1:1", username="neo4j", password="none")
    settings = LoadSettings(neo4j=neo4j, embedding=EmbeddingSettings())
    mapping = SimpleNamespace(tables=[])
    with ExitStack() as stack:
        found = verify_run._compare(None, settings, mapping, stack, vectors=False, version=None, seen=())
    assert len(compared) == times
    assert found == [compared[-1]]
    assert compared[-1].check.moved is moved
