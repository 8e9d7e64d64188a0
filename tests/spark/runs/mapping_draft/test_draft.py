"""`mapping init` on real Delta tables: the draft is sound, fits its table, and is what a person would begin with."""

from __future__ import annotations

import difflib
from dataclasses import replace

import pytest
import yaml
from click.testing import CliRunner

from delta_neo4j.cli.console import cli
from delta_neo4j.errors import MappingError, PreflightError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.runs import mapping_check
from delta_neo4j.runs.mapping_draft.draft import draft
from tests.support.drafts import FAA_EDITS, edited

ODD = """
SELECT 1L AS id, 7 AS count, array(1.5F, 2F, 3F) AS word_vector, CAST(1.5 AS DECIMAL(10, 2)) AS price,
  named_struct('longitude', 1D, 'latitude', 2D) AS place, map('a', 1) AS flat, named_struct('x', array(1)) AS deep,
  array('a') AS tags, array(named_struct('a', 1)) AS rows, X'00' AS bin, 'x' AS `no`,
  'x' AS `a, [b]: {c} #d`, 'y' AS `it's "q"`, 'z' AS `back``tick`, true AS embedding, DATE'2024-01-01' AS day,
  TIMESTAMP'2024-01-01 00:00:00' AS moment, TIMESTAMP_NTZ'2024-01-01 00:00:00' AS there, '2024-02-31' AS no_day,
  '2024-01-01' AS a_day, '2024-01-01T10:00:00' AS an_hour, '2024-01-01T10:00:00Z' AS a_moment, '007' AS code,
  '2024-01-01T10:00:00.123456789' AS a_nanosecond, '42' AS whole, '1.50' AS part, 'TRUE' AS yes,
  CAST(NULL AS STRING) AS nothing
"""


def _table(spark, tmp_path, name, frame):
    path = str(tmp_path / name)
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(path)
    return path


def _csv(spark, tmp_path, file):
    return _table(spark, tmp_path, file.stem, spark.read.option("header", True).csv(str(file)))


def _faults(spark, tmp_path, text):
    file = tmp_path / "draft.yml"
    file.write_text(text)
    _, checked, faults = mapping_check.read(str(file), {})
    return faults or mapping_check.table_faults(spark, checked)


def test_every_type_and_odd_name_is_drafted(spark, tmp_path):
    """Each column has the type that suits it; the draft passes `mapping check` as it is."""
    text = draft(spark, _table(spark, tmp_path, "odd things", spark.sql(ODD)))
    assert _faults(spark, tmp_path, text) == []
    table = yaml.safe_load(text)["tables"][0]
    assert (table["name"], table["labels"], table["key"]) == (
        "odd_things", ["OddThing"], [{"column": "id", "type": "integer"}],
    )  # fmt: skip
    types = {line["column"]: line.get("type", "string") for line in table["properties"]}
    assert types == {
        "count": "integer", "price": "string", "place": "point", "flat": "json", "deep": "json",
        "tags": "list<string>", "rows": "json", "no": "string", "a, [b]: {c} #d": "string",
        "it's \"q\"": "string", "back`tick": "string", "embedding": "boolean", "day": "date", "moment": "datetime",
        "there": "local_datetime", "no_day": "string", "a_day": "date", "an_hour": "local_datetime",
        "a_moment": "datetime", "code": "string", "a_nanosecond": "string", "whole": "integer", "part": "float",
        "yes": "boolean", "nothing": "string",
    }  # fmt: skip
    assert table["embedding"] == {
        "vector": "word_vector",
        "property": "embedding_2",
        "index": {"name": "odd_thing_word_vector_embeddings", "dimension": 3},
    }
    assert "# left out: bin" in text


def test_a_key_that_repeats_further_down_is_seen(spark, tmp_path):
    """The sample is the first rows; the key is counted over all of them. A blank is no key."""
    code = "if(id = 29999, '\u00a0', cast(id AS STRING)) AS code_id"
    rows = spark.range(30_000).selectExpr("id % 20000 AS part_id", code, "id AS serial", "'x' AS name").repartition(1)
    text = draft(spark, _table(spark, tmp_path, "parts", rows.sortWithinPartitions("serial")))
    assert yaml.safe_load(text)["tables"][0]["key"] == [{"column": "serial", "type": "integer"}]


def test_links_an_import_file_and_an_empty_table_are_drafted(spark, tmp_path):
    """Two references make an edge list; Neo4j's headers name types; no rows make a guess. All pass `mapping check`."""
    links = spark.createDataFrame(
        [("a", "b", 1), ("a", "c", 1), ("d", "c", 2)], "left_id STRING, right_id STRING, n INT"
    )
    people = spark.sql(
        "SELECT '1' AS `personId:ID(Person)`, 'a;b' AS `tags:string[]`, '3' AS `sizes:int[]`, '1990' AS `born:int`, "
        "'Person;Crew' AS `:LABEL`"
    )
    none = spark.createDataFrame([], "name STRING, size INT")
    for name, frame in (("links", links), ("people", people), ("none", none)):
        text = draft(spark, _table(spark, tmp_path, name, frame))
        assert _faults(spark, tmp_path, text) == []
    assert "a guess: the table is empty" in text


def test_texts_that_stand_for_nothing_are_drafted_as_null(spark, tmp_path):
    """A column of numbers with blanks and null words is one of numbers; a column of such words alone stays a text."""
    rows = [(1, "1.5", "-", "a"), (2, "\u00a0", "NA", ""), (3, "N/A", "-", "b"), (4, " NA ", None, "-")]
    frame = spark.createDataFrame(rows, "id INT, cost STRING, gone STRING, name STRING")
    text = draft(spark, _table(spark, tmp_path, "items", frame))
    assert _faults(spark, tmp_path, text) == []
    assert yaml.safe_load(text)["tables"][0]["properties"] == [
        {"column": "cost", "type": "float", "empty": "null", "null_words": ["N/A", "NA"]},
        {"column": "gone"},
        {"column": "name"},
    ]


def test_a_table_that_is_not_there_is_one_line(spark, tmp_path):
    """As is a label that cannot be one."""
    with pytest.raises(PreflightError, match="cannot be read as Delta"):
        draft(spark, str(tmp_path / "none"))
    with pytest.raises(MappingError, match="not usable as a label"):
        draft(spark, str(tmp_path / "none"), "a b")


def test_the_command_writes_a_file_and_no_second_one(spark, tmp_path):
    """`--output` names a file that must not be there; without it the draft is printed."""
    table = _table(spark, tmp_path, "things", spark.sql("SELECT 1 AS id"))
    file = tmp_path / "things.yml"
    printed = CliRunner().invoke(cli, ["mapping", "init", table, "--label", "Item"])
    written = CliRunner().invoke(cli, ["mapping", "init", table, "--label", "Item", "--output", str(file)])
    assert (printed.exit_code, written.exit_code, written.stdout) == (0, 0, "")
    assert file.read_text() == printed.stdout
    assert read_mapping(str(file)).tables[0].labels == ("Item",)
    again = CliRunner().invoke(cli, ["mapping", "init", table, "--output", str(file)])
    assert "exists already" in str(again.exception)


@pytest.mark.needs_data
def test_the_lab_files_draft_as_the_graph_that_they_are(spark, tmp_path, test_data):
    """Eight files: four labels with their types and references, four edge lists with theirs; each passes the check."""
    shipped = {table.name: table for table in read_mapping("aircraft").tables}
    shipped |= {f"nodes_{name}": shipped[name] for name in ("aircraft", "systems", "components", "removals")}
    shipped |= {f"rels_{name}": table for name, table in shipped.items() if table.edge}
    for file in sorted((test_data / "lab").glob("*.csv")):
        text = draft(spark, _csv(spark, tmp_path, file))
        assert _faults(spark, tmp_path, text) == [], text
        (table,), like = read_mapping(str(tmp_path / "draft.yml")).tables, shipped[file.stem]
        assert (table.labels, table.edge and table.edge.type) == (like.labels, like.edge and like.edge.type)
        assert [p.input for p in table.key] == [p.input for p in like.key]
        types = {p.name: p.type for p in table.properties}
        # Costs that all happen to be whole are whole numbers in a draft.
        assert types == {p.name: p.type for p in like.properties} | {n: types[n] for n in types if n == "cost_estimate"}
        assert (table.embedding is None) == (like.embedding is None)
        if table.embedding:
            assert table.embedding.text == like.embedding.text


@pytest.mark.needs_data
def test_the_faa_draft_is_the_shipped_mapping_but_for_four_lines(spark, tmp_path, test_data):
    """At most five lines edited: the plan is then the shipped one, but for the table's name."""
    first = draft(spark, _csv(spark, tmp_path, test_data / "faa" / "maintenance_events.csv"))
    last = edited(first, FAA_EDITS)
    changed = [line for line in difflib.ndiff(first.splitlines(), last.splitlines()) if line.startswith("+ ")]
    removed = [line for line in difflib.ndiff(first.splitlines(), last.splitlines()) if line.startswith("- ")]
    assert len(removed) <= len(changed) <= 5
    assert _faults(spark, tmp_path, last) == []
    (table,), (shipped,) = read_mapping(str(tmp_path / "draft.yml")).tables, read_mapping("maintenance_events").tables
    bare = {"name": "", "source": "", "digest": "", "fulltext": None}  # a draft has no full-text index
    assert replace(table, **bare) == replace(shipped, **bare)
