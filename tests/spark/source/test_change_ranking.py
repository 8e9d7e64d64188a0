"""What a change feed's rows say of their keys: one frame with a key for each case."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from delta_neo4j.graph.versions import CommitVersion
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.pipeline import gone_keys
from delta_neo4j.source import contract, ranking
from delta_neo4j.source.rules import validated

TABLE = {
    "name": "things", "source": "t", "labels": ["Thing"], "key": [{"column": "id", "type": "integer"}],
    "properties": [{"column": "size", "type": "integer"}], "deleted_when": "size = '-1'",
}  # fmt: skip
INSERT, DELETE, BEFORE, AFTER = "insert", "delete", "update_preimage", "update_postimage"
# (id, size, kind of change, commit): the state of the row.
ROWS = {
    ("1", "1", INSERT, 1): "winner",
    ("2", "1", BEFORE, 2): "superseded",  # an update
    ("2", "2", AFTER, 2): "winner",
    ("3", "1", BEFORE, 2): "gone",  # an update of the key
    ("33", "1", AFTER, 2): "winner",
    ("4", "1", DELETE, 2): "superseded",  # deleted, then inserted
    ("4", "2", INSERT, 3): "winner",
    ("5", "1", INSERT, 2): "superseded",  # inserted, then deleted
    ("5", "1", DELETE, 3): "gone",
    ("6", "1", DELETE, 4): "superseded",  # an overwrite
    ("6", "2", INSERT, 4): "winner",
    ("7", "1", INSERT, 2): "winner",  # an update to a row that is unsound: the last sound one stays
    ("7", "1", BEFORE, 3): "superseded",
    ("7", "heavy", AFTER, 3): "unsound",
    ("8", "1", DELETE, 2): "superseded",  # two rows of a key, both deleted
    ("8", "2", DELETE, 2): "gone",
    ("x", "1", DELETE, 2): "keyless",
    (None, "1", BEFORE, 2): "keyless",
    (None, "1", AFTER, 2): "unsound",
    ("9", "1", BEFORE, 2): "superseded",  # begins to meet `deleted_when`
    ("9", "-1", AFTER, 2): "gone",
    ("10", "bad", DELETE, 2): "gone",  # was a dead letter
    ("11", None, INSERT, 2): "winner",  # a null does not meet the condition
}


@pytest.fixture
def table():
    """Give the table of a mapping."""
    return MappingModel(tables=[TABLE]).tables[0].planned()


def _ranked(spark, table, rows, columns="id STRING, size STRING, change STRING, commit BIGINT"):
    frame = spark.createDataFrame(rows, columns)
    more = {name: frame[name] for name in ("change", "commit") if name in frame.columns}
    return ranking.ranked(table, validated(table, contract.contract(table, frame, **more)), "", 2)


def test_each_row_of_a_feed_says_one_thing_of_its_key(spark, table):
    """The newest commit wins, a row that is there before one that is gone; unsound rows and keys say nothing."""
    found = _ranked(spark, table, list(ROWS)).select("c0", "c1", "change", "commit", ranking.STATE).collect()
    states = {(row["c0"], row["c1"], row["change"], row["commit"]): row[ranking.STATE] for row in found}
    # Of two rows that are gone at one commit either may speak for the key.
    assert sorted(states.pop(("8", size, DELETE, 2)) for size in "12") == ["gone", "superseded"]
    assert states == {row: state for row, state in ROWS.items() if row[0] != "8"}


def test_appended_rows_may_say_that_they_are_deleted(spark, table):
    """Without an order a row that is there wins; a row that alone says that it is deleted is gone."""
    rows = [("1", "1"), ("1", "-1"), ("2", "-1"), (None, "-1"), ("3", "3")]
    found = _ranked(spark, table, rows, "id STRING, size STRING").select("c0", "c1", ranking.STATE).collect()
    states = [(row["c0"], row["c1"], row[ranking.STATE]) for row in found]
    assert sorted(states, key=repr) == [
        ("1", "-1", "superseded"), ("1", "1", "winner"), ("2", "-1", "gone"), ("3", "3", "winner"),
        (None, "-1", "keyless"),
    ]  # fmt: skip


def test_a_key_goes_only_if_no_row_of_the_table_has_it(spark, table, tmp_path):
    """Sound or unsound, but not one that says that it is deleted; the rows of the other keys are read again."""
    path = str(tmp_path / "t")
    held = [("5", "1"), ("5", "bad"), ("05", "7"), ("8", "-1"), ("10", "bad"), ("1", "1")]
    spark.createDataFrame(held, "id STRING, size STRING").coalesce(1).write.format("delta").save(path)
    rows = [(key, "1", DELETE, 0) for key in ("3", "5", "8", "10")]
    ranked = _ranked(spark, table, rows)
    of_table = MappingModel(tables=[{**TABLE, "source": path}]).tables[0].planned()
    step = SimpleNamespace(table=of_table, source_version=0, staging_path=str(tmp_path / "staging"))
    gone = gone_keys.settle(step, ranked, 4, 0)
    assert (gone.count, gone.still) == (2, 2)
    assert sorted(row["c0"] for row in gone.leaving.collect()) == ["3", "8"]
    again = sorted((row["c0"], row["c1"], row["change"]) for row in gone.again.collect())
    assert again == [("05", "7", INSERT), ("10", "bad", INSERT), ("5", "1", INSERT), ("5", "bad", INSERT)]


def test_the_versions_of_a_feeds_rows_sort_as_texts(spark):
    """By commit, then by the load that read them, then by content."""
    rows = spark.createDataFrame([(9, "b"), (10, "a"), (4_000_000_000, "0")], "commit BIGINT, content_hash STRING")
    versions = [
        row["v"]
        for life in (1_700_000_000_000, 1_800_000_000_000)
        for row in rows.select(CommitVersion("token", life).column().alias("v"), "commit").collect()
    ]
    early, late = versions[:3], versions[3:]
    assert sorted(versions) == [early[0], late[0], early[1], late[1], early[2], late[2]]
    assert early[1] < late[1] < early[2]
    assert len({len(version) for version in versions}) == 1
