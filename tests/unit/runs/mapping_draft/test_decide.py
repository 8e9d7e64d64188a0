"""What a table's columns and a sample of its rows are taken for, and the file that says so."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import types as T  # noqa: N812

from delta_neo4j.mapping.file import validated
from delta_neo4j.runs.mapping_draft.decide import Edges, decide
from delta_neo4j.runs.mapping_draft.sample import ColumnSample, Sample
from delta_neo4j.runs.mapping_draft.text import flow, text

STRING, LONG = T.StringType(), T.LongType()


def _column(kind=STRING, *, distinct=3, values=10, **more):
    return ColumnSample(kind, values, distinct, **more)


def _key(kind=STRING):
    return _column(kind, distinct=10)


def _drafted(table="things", repeated=(), label="", rows=10, **columns):
    counts = dict(repeated)
    sample = Sample(rows, columns)
    return decide(table, sample, lambda asked: {name: counts.get(name, 0) for name in asked}, label)


def _written(draft, name="things", source="catalog.schema.things"):
    """Give the file's text, which must be sound, and its values."""
    written = text(name, source, 10, draft)
    model, faults = validated(written)
    assert faults == [], written
    return written, yaml.safe_load(written)["tables"][0], model


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"name": _key(), "id": _key(LONG)}, "id"),
        ({"name": _key(), "thing_id": _key()}, "thing_id"),
        ({"other_id": _key(), "thing_id": _key()}, "thing_id"),
        ({"name": _key(), "serial_id": _key()}, "serial_id"),
        ({"id": _column(), "name": _key()}, "name"),
        ({"words": _column(distinct=10, words=5.0), "id": _column()}, "id"),
        ({"id": _column(values=9, distinct=9), "name": _key()}, "name"),
    ],
)
def test_the_key_is_unique_and_called_like_one(columns, key):
    """Names decide among the columns with a value of its own in every row; free text is none."""
    assert _drafted(**columns).key.column == key


def test_the_key_is_proved_over_the_whole_table():
    """A column that repeats further down gives way; where all do, the one that repeats least is taken and told."""
    columns = {"id": _key(), "name": _key()}
    assert _drafted(repeated={"id": 4}, **columns).key.column == "name"
    key = _drafted(repeated={"id": 4000, "name": 5000}, **columns).key
    assert (key.column, key.note[:30]) == ("id", "in 4,000 rows null or repeated")


def test_neo4js_import_columns_are_understood():
    """`:ID(Label)` names label and key; a key keeps its text though it looks like a number."""
    draft = _drafted("nodes_x", **{":ID(RemovalEvent)": _column(distinct=10, looks_like="integer"), "a": _column()})
    assert (draft.label, draft.key.property, draft.key.type) == ("RemovalEvent", "removal_event_id", "string")
    assert _drafted(**{"partId:ID": _key()}).key.property == "partId"
    assert _drafted(label="Other", **{":ID(Part)": _key()}).label == "Other"


def test_text_that_looks_like_something_is_typed_with_a_comment():
    """Dates, moments, numbers and booleans in text are cast; the comment says that the text was seen."""
    draft = _drafted(id=_key(), day=_column(looks_like="date"), code=_column())
    written, values, _ = _written(draft)
    assert values["properties"] == [{"column": "day", "type": "date"}, {"column": "code"}]
    assert "{column: day, type: date}  # text; all 10 sampled values have this form" in written


def test_the_longest_text_is_embedded():
    """Only prose: a few words, however long, are a name."""
    draft = _drafted(
        id=_key(),
        name=_column(words=2.0, length=90.0),
        short=_column(words=3.0, length=20.0),
        story=_column(words=9.0, length=70.4),
    )
    written, values, _ = _written(draft)
    assert values["embedding"] == {"text": "story", "index": {"name": "thing_story_embeddings"}}
    assert "text: story  # 70 characters on average, the longest text" in written
    assert _drafted(id=_key(), name=_column(words=2.0, length=90.0)).vector is None


def test_ready_vectors_are_taken():
    """A list of numbers that is called a vector and always has one size is embedded as it is."""
    floats = T.ArrayType(T.FloatType())
    draft = _drafted(id=_key(), my_vector=_column(floats, size=4), story=_column(words=9.0), other=_column(floats))
    _, values, _ = _written(draft)
    assert values["embedding"] == {
        "vector": "my_vector",
        "index": {"name": "thing_my_vector_embeddings", "dimension": 4},
    }
    assert [line["column"] for line in values["properties"]] == ["story", "other"]


def test_references_are_offered_in_comments():
    """A column like another node's key is a property; its relationship waits behind two signs to take away."""
    draft = _drafted(id=_key(), aircraft_model_id=_column(LONG), story_id=_column(words=5.0))
    written, values, _ = _written(draft)
    assert "relationships" not in values
    _, taken, model = (
        _written(draft),
        yaml.safe_load(written.replace("#   -", "   -").replace("# relat", "relat")),
        None,
    )
    assert model is None
    assert taken["tables"][0]["relationships"] == [
        {
            "type": "HAS_AIRCRAFT_MODEL",
            "end": {"label": "AircraftModel", "key": [{"column": "aircraft_model_id", "type": "integer"}]},
        }
    ]


def test_an_import_file_of_relationships_is_an_edge_list():
    """Both ends' labels and the type are in the columns."""
    draft = _drafted(
        "rels_a",
        **{
            ":START_ID(Aircraft)": _column(),
            ":END_ID(System)": _key(),  # one-to-many: unique, and no key of nodes
            ":TYPE": _column(examples=("HAS_SYSTEM",)),
            "since": _column(looks_like="date"),
        },
    )
    _, values, _ = _written(draft)
    assert values["relationship"] == {
        "type": "HAS_SYSTEM",
        "from": {"label": "Aircraft", "key": [{"property": "aircraft_id", "column": ":START_ID(Aircraft)"}]},
        "to": {"label": "System", "key": [{"property": "system_id", "column": ":END_ID(System)"}]},
    }
    assert values["properties"] == [{"column": "since", "type": "date"}]


def test_several_types_in_one_edge_list_are_told():
    """One entry of a mapping has one type; the comment says what to do."""
    columns = {":START_ID(A)": _column(), ":END_ID(B)": _column(), ":TYPE": _column(examples=("P", "Q"))}
    written, values, _ = _written(_drafted(**columns))
    assert values["relationship"]["type"] == "P"
    assert "has 2 types; make a table of each (a view cannot be loaded): CREATE TABLE" in written
    assert "SELECT * FROM SOURCE WHERE `:TYPE` = 'P'" in written
    unnamed = {":START_ID": _column(), ":END_ID": _column(), ":TYPE": _column(examples=("P",))}
    assert _written(_drafted(**unnamed))[0].count("label and key are guesses: column :") == 2


IMPORTED = {
    "personId:ID(Person){id-type:string}": _key(),
    "name:string": _column(),
    "born:int": _column(),
    "seen:datetime{timezone:+02:00}": _column(),
    "since:LocalDateTime": _column(),
    "active:boolean": _column(T.BooleanType()),
    "tags:string[]": _column(),
    "sizes:int[]": _column(),
    "home:point{crs:WGS-84}": _column(),
    "name": _column(),
    "odd:thing": _column(),
    "note:IGNORE": _column(),
}


def test_the_columns_of_an_import_file_of_nodes_are_understood():
    """`:LABEL` makes labels, a type in a column's name is the property's, and what is left out is told."""
    draft = _drafted(**IMPORTED, **{":LABEL": _column(examples=("Person;Crew Member",))})
    written, values, _ = _written(draft)
    assert (values["labels"], values["key"][0]["property"]) == (["Person", "Crew_Member"], "personId")
    assert "# from column :LABEL" in written
    assert [(line.get("property"), line.get("type", "string")) for line in values["properties"]] == [
        ("name", "string"), ("born", "integer"), ("seen", "datetime"), ("since", "local_datetime"),
        ("active", "boolean"), ("tags", "list<string>"), ("sizes", "list<integer>"), ("home", "string"),
        ("name_2", "string"), (None, "string"),
    ]  # fmt: skip
    assert "# left out: ':LABEL'  # it holds labels" in written
    assert "# left out: 'note:IGNORE'  # an import leaves it out" in written
    assert values["properties"][5]["expression"] == "split(nullif(`tags:string[]`, ''), ';')"
    assert "mapping has no such type" in written.split("home:point")[1].splitlines()[0]


def test_blanks_in_a_typed_column_of_an_import_file_are_null():
    """Texts stay as they are, blank or not."""
    columns = {name: _column(blank=400, null_words=("NA",)) for name in ("born:int", "name:string")}
    _, values, _ = _written(_drafted(**{"personId:ID(Person)": _key(), **columns}))
    born, name = values["properties"]
    assert (born["empty"], born["null_words"]) == ("null", ["NA"])
    assert not {"empty", "null_words"} & name.keys()


def test_several_labels_in_one_table_are_told():
    """A table has the same labels in every row; `--label` decides, else the key's column or the table's name."""
    columns = {":ID(Part)": _key(), ":LABEL": _column(examples=("A", "it's"))}
    written, values, _ = _written(_drafted(**columns))
    assert values["labels"] == ["Part"]
    assert "column :LABEL has 2 values; make a table of each" in written
    written, values, _ = _written(_drafted(label="Other", **columns))
    assert (values["labels"], "2 values" in written) == (["Other"], False)
    written = _written(_drafted(label="Link", **{":START_ID(A)": _column(), ":TYPE": _column(), "id": _key()}))[0]
    assert written.count("of an edge list, drafted as nodes") == 2


def test_two_references_and_no_key_are_an_edge_list():
    """A table with a key of its own, or a label that was asked for, is nodes."""
    columns = {"left_id": _column(LONG), "right_id": _column(), "weight": _column(T.DoubleType())}
    draft = _drafted(**columns)
    assert isinstance(draft, Edges)
    assert (draft.type, draft.start.label, draft.end.label) == ("HAS_RIGHT", "Left", "Right")
    assert (draft.start.key.type, draft.end.key.type) == ("integer", "string")
    _written(draft)
    assert not isinstance(_drafted(**columns, code=_key()), Edges)
    assert not isinstance(_drafted(**columns, id=_column()), Edges)
    assert not isinstance(_drafted(label="Link", **columns), Edges)


def test_an_empty_table_is_drafted_by_its_names():
    """Without rows nothing is unique; the best name is taken, and said to be a guess."""
    none = _column(values=0, distinct=0)
    draft = _drafted(rows=0, name=none, thing_id=none)
    assert (draft.key.column, draft.key.note) == ("thing_id", "a guess: the table is empty")


def test_names_that_cannot_be_properties_get_others():
    """Back-ticks and the loader's own prefix are replaced, twins are numbered, what has no type is left out."""
    draft = _drafted(
        id=_key(),
        **{
            "a`b": _column(),
            "a_b": _column(),
            "_dn_x": _column(),
            "embedding": _column(),
            "bin": _column(T.BinaryType()),
        },
        story=_column(words=5.0),
    )
    written, values, _ = _written(draft)
    assert [(line["column"], line.get("property")) for line in values["properties"]] == [
        ("a`b", "a_b"), ("a_b", "a_b_2"), ("_dn_x", "x"), ("embedding", None), ("story", None),
    ]  # fmt: skip
    assert "# left out: bin  # binary cannot be a property" in written
    assert values["embedding"]["property"] == "embedding_2"


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_column_name_is_quoted_as_yaml_wants_it(name):
    """Whatever a column is called, the file reads back to it, on one line, inside brackets."""
    assert yaml.safe_load(f"[{{column: {flow(name)}}}, x]") == [{"column": name}, "x"]
    assert len(flow(name).splitlines()) == 1
    written, values, _ = _written(_drafted(id=_key(), **{name: _column(T.BinaryType()), f"{name}x": _column()}))
    assert values["properties"][-1]["column"] == f"{name}x"
    assert not any(line.strip().startswith("left out") for line in written.splitlines())
