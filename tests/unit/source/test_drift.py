"""What became of a table's columns since the last load: told, or a reason to stop."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.source import drift

MAPPING = """
tables:
  - name: parts
    source: parts
    labels: [Part]
    key: [{column: id, type: integer}]
    properties:
      - {column: size, type: float}
      - {expression: upper(`Made By`), property: maker}
    embedding: {text: words, index: {name: parts}}
    relationships:
      - {type: IN, end: {label: Store, key: [{column: store}]}}
    order_by: [changed]
"""
BEFORE = {"id": "bigint", "size": "double", "Made By": "string", "words": "string", "store": "string",
          "changed": "timestamp", "idle": "int"}  # fmt: skip


@pytest.fixture
def table(tmp_path):
    """The mapping's table; new columns are ignored."""
    return _table(tmp_path)


def _table(tmp_path, more=""):
    file = tmp_path / "m.yml"
    file.write_text(MAPPING + more)
    return read_mapping(str(file)).tables[0]


def _without(*names, **changes):
    return {name: kind for name, kind in {**BEFORE, **changes}.items() if name not in names}


def test_the_same_columns_are_no_drift(table):
    """Order does not matter, and nothing is said."""
    assert drift.check(table, BEFORE, dict(reversed(BEFORE.items()))) == []


def test_a_new_column_is_ignored_and_told(table):
    """The sentence says how to load it."""
    (told,) = drift.check(table, BEFORE, _without(colour="string"))
    assert told == (
        "source table parts: column 'colour' (string) is new and ignored; give it a property in table parts or set "
        "new_columns: add"
    )


def test_a_new_column_is_added_where_the_mapping_says_so(tmp_path):
    """It is told that it becomes a property; one whose name cannot be a property's asks for a name."""
    table = _table(tmp_path, "    new_columns: add\n")
    told = drift.check(table, BEFORE, _without(colour="string", **{"a`b": "int"}))
    assert "column 'colour' (string) is new and becomes a property" in told[0]
    assert "give it another one with `property`" in told[1]


@pytest.mark.parametrize(
    ("column", "place"),
    [
        ("id", "key 'id'"),
        ("size", "property 'size'"),
        ("Made By", "property 'maker'"),
        ("words", "the embedding"),
        ("store", "property 'store'"),
        ("changed", "order_by"),
    ],
)
def test_a_mapped_column_that_is_gone_stops_the_run(table, column, place):
    """Whatever it filled is named, with what to do."""
    with pytest.raises(PreflightError, match="source table parts has changed") as stopped:
        drift.check(table, BEFORE, _without(column))
    says = f"column {column!r} ({BEFORE[column]}), which the mapping names in {place}, no longer exists: take it out"
    assert says in str(stopped.value)
    assert "--reset-checkpoint" in str(stopped.value)


def test_a_column_that_looks_renamed_is_not_guessed(table):
    """A new one of the same type is named; the mapping decides, not the run."""
    now = _without("size", width="double", other="int")
    (renamed, *rest) = drift.changes(table, BEFORE, now)
    assert (renamed.kind, renamed.stops) == ("renamed", True)
    assert "and 'width' of the same type is new: if it was renamed, name the new column" in renamed.sentence
    assert [(change.column, change.kind, change.stops) for change in rest] == [
        ("width", "new", False),
        ("other", "new", False),
    ]


def test_all_that_stops_is_in_one_line(table):
    """Two columns that are gone are both named."""
    with pytest.raises(PreflightError) as stopped:
        drift.check(table, BEFORE, _without("size", "words"))
    assert "'size'" in str(stopped.value)
    assert "'words'" in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_a_retyped_column_is_told(table):
    """A mapped one says what becomes of its values; one that the mapping does not use says so."""
    told = drift.check(table, BEFORE, _without(size="string", idle="string"))
    assert "column 'size' was double and is string: its values are still cast to float" in told[0]
    assert "column 'idle' was int and is string; the mapping does not use it" in told[1]


def test_an_unmapped_column_that_is_gone_is_told(table, tmp_path):
    """Nothing used it; with new_columns: add, what it gave stays."""
    assert "nothing to do" in drift.check(table, BEFORE, _without("idle"))[0]
    adding = _table(tmp_path, "    new_columns: add\n")
    assert "its values stay on the nodes" in drift.check(adding, BEFORE, _without("idle"))[0]


SCHEMA = T.StructType(
    [
        T.StructField("id", T.LongType()),
        T.StructField("made by", T.StringType()),
        T.StructField("words", T.StringType()),
        T.StructField("colour", T.StringType()),
        T.StructField("price", T.DecimalType(10, 2)),
        T.StructField("tags", T.ArrayType(T.StringType())),
        T.StructField("more", T.MapType(T.StringType(), T.IntegerType())),
        T.StructField("picture", T.BinaryType()),
        T.StructField("embedding", T.StringType()),
        T.StructField("maker", T.StringType()),
        T.StructField("_dn_hash", T.StringType()),
    ]
)


def test_columns_that_the_mapping_does_not_name_become_properties(tmp_path):
    """Each with the type that suits its Spark type; what is named, taken, reserved or no property is left out."""
    table = _table(tmp_path, "    new_columns: add\n")
    wider = drift.expanded(table, SCHEMA)
    assert wider.properties[:2] == table.properties
    assert [(p.name, p.input.text, p.type) for p in wider.properties[2:]] == [
        ("colour", "colour", "string"),
        ("price", "price", "string"),
        ("tags", "tags", "list<string>"),
        ("more", "more", "json"),
    ]
    assert wider.digest == table.digest


def test_a_mapping_that_ignores_new_columns_stays_as_it_is(table):
    """Without new_columns: add nothing is appended."""
    assert drift.expanded(table, SCHEMA) is table


def test_columns_are_kept_by_name_and_type():
    """What the next load compares with."""
    assert drift.columns_of(SCHEMA)["price"] == "decimal(10,2)"


def test_columns_called_like_words_of_an_expression_are_not_used_by_it(tmp_path):
    """Null words are read by an expression of the loader's own; `date` is the type of a cast."""
    text = MAPPING.replace("{column: size, type: float}", "{expression: cast(size AS date), property: day, type: date}")
    file = tmp_path / "m.yml"
    file.write_text(f"{text}    null_words: [NA]\n    new_columns: add\n")
    table = read_mapping(str(file)).tables[0]
    others = {"end": "string", "date": "date", "string": "string"}
    assert "'end'" in str(drift.check(table, {**BEFORE, **others}, BEFORE))
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (*BEFORE, *others)])
    added = {p.name for p in drift.expanded(table, schema).properties}
    assert {"end", "date", "string", "idle"} <= added
    with pytest.raises(PreflightError, match="'store'"):
        drift.check(table, BEFORE, _without("store"))
