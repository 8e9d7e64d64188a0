"""Whether a checkpoint has read a Delta table to its end, by the files that Spark keeps in it."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.state.offsets import has_read_all

READ = {"sourceVersion": 1, "reservoirId": "t", "reservoirVersion": 8, "index": -1, "isStartingVersion": False}


@pytest.fixture
def checkpoint(tmp_path):
    """Give a function that makes a checkpoint with two micro-batches: (newest offset, ids of the committed ones)."""

    def made(offset, committed=("0", "10")):
        files = {"offsets": ("0", "10", ".10.crc"), "commits": committed}
        for folder, names in files.items():
            (tmp_path / folder).mkdir()
            for name in names:
                newest = offset if name == "10" else READ | {"reservoirVersion": 3}
                (tmp_path / folder / name).write_text(f'v1\n{{"batchWatermarkMs":0}}\n{json.dumps(newest)}')
        return str(tmp_path)

    return made


def test_a_table_is_read_when_the_newest_micro_batch_is_committed_and_ends_at_its_version(checkpoint):
    """The offset after version 7 is before the first file of version 8; the newest number counts, not the last name."""
    folder = checkpoint(READ)
    assert has_read_all(folder, "t", 7)
    assert has_read_all(f"file:{folder}", "t", 7)
    assert not has_read_all(folder, "t", 8)
    assert not has_read_all(folder, "t", 6)
    assert not has_read_all(folder, "created again", 7)


@pytest.mark.parametrize(
    "change", [{"index": 3}, {"index": None}, {"isStartingVersion": True}, {"reservoirVersion": "8"}]
)
def test_a_version_that_is_read_in_part_is_not_read(checkpoint, change):
    """The last micro-batch ended between two files, or in the rows that the table had at first."""
    assert not has_read_all(checkpoint(READ | change), "t", 7)


def test_a_micro_batch_without_its_commit_is_not_read(checkpoint):
    """Its run was killed: the stream gives the rows again."""
    assert not has_read_all(checkpoint(READ, committed=("0",)), "t", 7)


@pytest.mark.parametrize("offset", [[], "x", {}, None, 3])
def test_files_of_another_form_say_nothing(checkpoint, offset):
    """Then the stream is started, which knows them."""
    assert not has_read_all(checkpoint(offset), "t", 7)


def test_a_folder_that_python_cannot_read_says_nothing(tmp_path):
    """A new checkpoint, or one in a storage that only Spark reaches."""
    assert not has_read_all(str(tmp_path / "absent"), "t", 7)
    assert not has_read_all("abfss://box@account/checkpoint", "t", 7)
