"""What a notebook may say as settings: names that exist, switches that are switches."""

from __future__ import annotations

import pytest

from delta_neo4j import api
from delta_neo4j.errors import SettingsError

NEO4J = {"uri": "bolt://h", "username": "u", "password": "p", "env_file": ""}


def test_names_are_those_of_flags_with_hyphens_or_underscores():
    """Both ways of writing reach the run."""
    told = {**NEO4J, "budget-texts": 100, "batch_size": 7, "reset-checkpoint": True}
    settings = api._settings(told, "aircraft")
    assert (settings.budget_texts, settings.batch_size, settings.reset_checkpoint) == (100, 7, True)
    assert settings.mapping == "aircraft"


def test_paths_may_be_path_objects(tmp_path, monkeypatch):
    """As source, by name, as mapping and inside settings."""
    seen = []
    monkeypatch.setattr(api, "_session", lambda: None)
    monkeypatch.setattr("delta_neo4j.runs.load.load", lambda _, settings: seen.append(settings))
    file = tmp_path / "m.yml"
    for source in (tmp_path / "a", {"a": tmp_path / "a"}):
        api.load(source, file, {**NEO4J, "state": tmp_path / "state"})
    api.load(None, file, {**NEO4J, "source": tmp_path / "a", "state": tmp_path / "state"})
    assert [settings.sources for settings in seen] == [{name: str(tmp_path / "a")} for name in ("", "a", "")]
    assert {(settings.mapping, settings.state) for settings in seen} == {(str(file), str(tmp_path / "state"))}


def test_a_source_that_is_none_is_one_line():
    """Neither a table nor a frame: the line says what was passed."""
    with pytest.raises(SettingsError, match=r"source: \['a'\] is no table"):
        api.load(["a"])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"budget_text": 100}, "no setting 'budget_text'; did you mean 'budget_texts'?"),
        ({"xyz": 1}, "no setting 'xyz'; delta-neo4j status --settings lists them"),
        ({"reset_checkpoint": "no"}, "reset_checkpoint: 'no' is neither True nor False"),
        ({"source": {"removals": "a.b.c"}}, "load's first argument"),
    ],
)
def test_what_would_do_nothing_is_refused(told, words):
    """A misspelt budget spends without limit: it is named instead."""
    with pytest.raises(SettingsError) as refused:
        api._settings({**NEO4J, **told}, None)
    assert words in str(refused.value)
