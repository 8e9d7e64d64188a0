"""The state of each row: written, superseded, without an end, or unsound; and the relationships that would be lost."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.columns import edge_counts
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.source.contract import raw_column, value_of
from delta_neo4j.source.ranking import PARALLEL, STATE, ranked
from delta_neo4j.source.row_columns import RowColumns
from delta_neo4j.source.rules import FAULT_CLASS, validated

SHOP = {"label": "Shop", "key": [{"column": "city"}, {"column": "number", "type": "integer"}]}
PAID = {
    "name": "paid",
    "source": "paid",
    "relationship": {
        "type": "PAID",
        "from": {"label": "Person", "key": [{"column": "name"}]},
        "to": SHOP,
        "key": [{"column": "day", "type": "date"}, {"column": "rate"}],
    },
    "properties": [{"column": "amount", "type": "integer"}],
}
DAY, BLANK, NAN = "2024-05-01", "\t \n", float("nan")
PAID_ROWS = [
    (("a", "x", "1", DAY, 0.5, "5"), "winner"),
    (("a", "x", "1", DAY, 0.5, "5"), "superseded"),  # the same again
    (("a", "x", "1", "2024-05-02", 0.5, "5"), "winner"),
    (("a", "x", "2", DAY, 0.5, "5"), "winner"),
    ((None, "x", "1", DAY, 0.5, "5"), "without_end"),
    ((BLANK, "x", "1", DAY, 0.5, "5"), "without_end"),
    (("a", None, None, DAY, 0.5, "5"), "without_end"),
    (("a", BLANK, BLANK, DAY, 0.5, "5"), "without_end"),
    ((None, None, "", None, NAN, "5"), "without_end"),  # no relationship, so no key of one
    (("a", None, "1", DAY, 0.5, "5"), "key_missing"),
    (("a", "x", BLANK, DAY, 0.5, "5"), "key_missing"),
    (("a", "x", "1", None, 0.5, "5"), "key_missing"),
    (("a", "x", "1", BLANK, 0.5, "5"), "key_missing"),
    (("a", "x", "1", DAY, NAN, "5"), "key_missing"),
    (("a", "x", "one", DAY, 0.5, "5"), "type_mismatch"),
    ((None, "x", "one", DAY, 0.5, "5"), "type_mismatch"),
    ((None, "x", "1", DAY, 0.5, "many"), "type_mismatch"),
    (("a", "x", "1", "soon", 0.5, "5"), "type_mismatch"),
]


@pytest.fixture
def rank(spark):
    """Rank rows of one table, and keep their order."""

    def of(model, rows, schema):
        table = MappingModel(tables=[model]).tables[0].planned()
        frame = spark.createDataFrame([(i, *row) for i, row in enumerate(rows)], f"row INT, {schema}")
        rows_of_contract = frame.select("row", *(value_of(i).alias(raw_column(table, i)) for i in table.inputs))
        typed = validated(table, rows_of_contract)
        found = ranked(table, typed, "model", 2)
        counts = edge_counts(RowColumns(table, found.schema))
        expected = F.array(*counts) if counts else F.array()
        return found.select("*", expected.alias("expected")).orderBy("row").collect()

    return of


def test_a_row_of_an_edge_list_is_a_relationship_or_none_or_a_dead_letter(rank):
    """An end is empty if all its columns are; some of several, and a relationship's key, must be there."""
    found = rank(
        PAID,
        [row for row, _ in PAID_ROWS],
        "name STRING, city STRING, number STRING, day STRING, rate DOUBLE, amount STRING",
    )
    assert [row[FAULT_CLASS] or row[STATE] for row in found] in (
        [state for _, state in PAID_ROWS],
        ["superseded", "winner", *(state for _, state in PAID_ROWS[2:])],  # of equal rows either one wins
    )


def test_a_list_counts_the_rows_that_lose_to_other_content(rank):
    """Of three payments between the same two nodes without a key one is written; the same row again is no loss."""
    bare = {**PAID, "relationship": {**PAID["relationship"], "key": []}}
    rows = [("a", "x", "1", amount) for amount in ("5", "5", "10", "20")] + [
        ("b", "x", "1", "5"),
        (None, "x", "1", "5"),
    ]
    found = rank(bare, rows, "name STRING, city STRING, number STRING, amount STRING")
    lost = sum(row[PARALLEL][0] for row in found)
    assert [row[STATE] for row in found].count("superseded") == 3
    assert lost in {2, 3}  # 3 if one of the equal rows is not the winner: both of them lose then
    assert all(row[STATE] == "superseded" for row in found if row[PARALLEL][0])


TRANSFER = {
    "name": "transfers",
    "source": "transfers",
    "labels": ["Transfer"],
    "key": [{"column": "id"}],
    "order_by": ["at"],
    "relationships": [
        {
            "type": "TOUCHES",
            "end": {"label": "Account", "key": [{"column": account, "property": "iban", "type": "integer"}]},
            "key": [{"column": role, "property": "role"}],
            "properties": [{"column": amount, "property": "amount"}],
        }
        for account, role, amount in (("sender", "as_sender", "sent"), ("taker", "as_taker", "taken"))
    ],
}
# (row, relationships expected, relationships that are lost)
TRANSFER_ROWS = [
    (("apart", 1, "1", "from", "5", "1", "to", "6"), [1, 1], [0, 0]),
    (("to another", 1, "1", "from", "5", "2", "from", "6"), [1, 1], [0, 0]),
    (("the same", 1, "1", "from", "5", "1", "from", "5"), [1, 0], [0, 0]),
    (("one of two", 1, "1", "from", "5", "1", "from", "6"), [1, 0], [0, 1]),
    (("blank ends", 1, BLANK, None, "5", None, BLANK, "6"), [0, 0], [0, 0]),
    (("older", 1, "1", "from", "5", "2", "to", "6"), [1, 1], [1, 0]),
    (("older", 2, "1", "from", "6", "3", "to", "6"), [1, 1], [0, 0]),
    (("no key", 1, "1", None, "5", "2", "to", "6"), None, [0, 0]),
    (("blank key", 1, None, None, "5", "2", BLANK, "6"), None, [0, 0]),
]


def test_a_rows_own_relationships_are_expected_once_for_each_type_end_and_key(rank):
    """The second of two equal ones is not; with other content, the row's or that of an older row, it counts as lost."""
    columns = (
        "id STRING, at INT, sender STRING, as_sender STRING, sent STRING, taker STRING, as_taker STRING, taken STRING"
    )
    found = rank(TRANSFER, [row for row, *_ in TRANSFER_ROWS], columns)
    for (row, expected, lost), got in zip(TRANSFER_ROWS, found, strict=True):
        assert got[PARALLEL] == lost, row
        assert got[FAULT_CLASS] == (None if expected else "key_missing"), row
        assert expected in (None, got["expected"]), row
