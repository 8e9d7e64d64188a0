"""What a checkpoint's removal leaves when it is interrupted."""

from __future__ import annotations

import shutil

import pytest

from delta_neo4j import checkpoint
from delta_neo4j.errors import SettingsError


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
