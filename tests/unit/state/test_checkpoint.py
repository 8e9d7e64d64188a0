"""What a checkpoint's removal leaves when it is interrupted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from delta_neo4j.errors import PreflightError, SettingsError
from delta_neo4j.state import checkpoint
from delta_neo4j.state.ledger import NOTHING_RECORDED


def test_an_interrupted_removal_leaves_no_load_to_resume(tmp_path, monkeypatch):
    """The load id goes first: with the stream's offsets gone and the id there, every batch would be a known one."""
    for part in ("load", "offsets", "commits"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "0").touch()
    remove = shutil.rmtree

    def interrupted(path, **options):
        if path == tmp_path:
            raise OSError("Device or resource busy")
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(SettingsError, match=r"cannot be removed .*busy.*remove"):
        checkpoint.reset(None, str(tmp_path))
    assert {part.name for part in tmp_path.iterdir()} == {"offsets", "commits"}


def _stored(folder, text):
    (folder / "load").mkdir()
    (folder / "load" / "part-0.json").write_text(text)
    return checkpoint.held_load(None, str(folder), table_id="t", source_mode="append", digest="d", database_id="g")


def test_a_load_in_a_folder_of_this_machine_is_read_without_spark(tmp_path):
    """A load that an older version stored has no database id, so it goes on in any graph, and no mode but append."""
    text = '{"load_id":"a","epoch":7,"table_id":"t","digest":"d"}\n'
    assert _stored(tmp_path, text) == checkpoint.Load("a", 7, "t", "append", "d", None)


class _Ledger:
    """A ledger in which a load has recorded micro-batches up to `last_recorded`."""

    def __init__(self, last_recorded):
        self.last_recorded = last_recorded

    def position(self, _):
        """Give the position, whatever the session is."""
        return replace(NOTHING_RECORDED, last_recorded=self.last_recorded)


@pytest.mark.parametrize(
    ("digest", "last_recorded", "is_worked_on", "given_up"),
    [("other", -1, False, True), ("other", -1, True, False), ("other", 0, False, False), ("d", -1, False, False)],
)
def test_a_checkpoint_of_another_mapping_is_given_up_if_nothing_was_done(
    tmp_path, monkeypatch, digest, last_recorded, is_worked_on, given_up
):
    """A run works on it if its frozen rows are there; nothing was done if the ledger has no micro-batch."""
    _stored(tmp_path, '{"load_id":"a","epoch":7,"table_id":"t","source_mode":"append","digest":"d"}')
    if is_worked_on:
        (tmp_path / "staging" / "a-run").mkdir(parents=True)
    monkeypatch.setattr(checkpoint, "Ledger", lambda *_: _Ledger(last_recorded))
    table = SimpleNamespace(digest=digest, name="t")
    assert checkpoint.is_given_up(None, str(tmp_path), None, table) is given_up


@pytest.mark.parametrize("text", ['{"load_id":', '{"load": 1}', "[]"])
def test_a_damaged_load_id_names_the_way_out(tmp_path, text):
    """The offsets beside it would mark rows as loaded that are not."""
    with pytest.raises(PreflightError, match=r"damaged.*--reset-checkpoint"):
        _stored(tmp_path, text)


def test_a_snapshot_goes_on_with_any_mapping_and_table(tmp_path):
    """Each run reads all rows, so only another mode is refused; of an older version's load no sweep is due."""
    text = '{"load_id":"a","epoch":7,"table_id":"other","source_mode":"snapshot","digest":"other"}\n'
    with pytest.raises(PreflightError, match=r"begun with another source mode \(snapshot\)"):
        _stored(tmp_path, text)
    kind = {"table_id": "t", "digest": "d", "database_id": "g"}
    for mode in (None, "snapshot"):
        load = checkpoint.held_load(None, str(tmp_path), source_mode=mode, **kind)
        assert (load.source_mode, load.owes_sweep) == ("snapshot", False)
