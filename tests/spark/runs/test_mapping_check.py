"""A mapping held against its tables: every column, type and expression that does not fit, at its line."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.runs import mapping_check
from delta_neo4j.runs.preflight import check_source

MAPPING = """\
tables:
  - name: parts
    source: {source}
    labels: [Part]
    key: [{{column: id, type: integer}}]
    properties:
      - {{column: "odd `name`, (x)", property: odd}}
      - {{column: size, type: point}}
      - {{column: colour}}
      - {{expression: "size + 1", property: bigger, type: float}}
      - {{expression: "size + nowhere", property: b}}
      - {{expression: "sum(size)", property: c}}
      - {{expression: "user", property: d}}
    embedding: {{template: "{{id}} {{words}}", index: {{name: parts}}}}
    relationships:
      - type: MADE_BY
        end: {{label: Maker, key: [{{column: maker}}]}}
        properties: [{{column: tags, type: date}}]
    order_by: [changed]
  - name: made_by
    source: /no/such/table
    relationship:
      type: LISTED_FOR
      from: {{label: Part, key: [{{column: a}}]}}
      to: {{label: Maker, key: [{{column: b}}]}}
"""


@pytest.fixture(scope="module")
def source(spark, tmp_path_factory):
    """A table with a number, an odd name and a list."""
    path = str(tmp_path_factory.mktemp("parts") / "table")
    frame = spark.createDataFrame([], "id BIGINT, size DOUBLE, `odd ``name``, (x)` STRING, tags ARRAY<STRING>")
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(path)
    return path


def _checked(tmp_path, text):
    file = tmp_path / "m.yml"
    file.write_text(text)
    _, checked, faults = mapping_check.read(str(file), {})
    assert faults == []
    return checked


def test_every_fault_of_a_table_is_found_at_its_line(spark, source, tmp_path):
    """One look names every column that is missing, every type that cannot be and every expression that fails."""
    checked = _checked(tmp_path, MAPPING.format(source=source))
    faults = sorted(mapping_check.table_faults(spark, checked), key=lambda fault: fault.line)
    assert [(fault.line, fault.path.removeprefix("tables[0].")) for fault in faults] == [
        (8, "properties[1].column"),
        (9, "properties[2].column"),
        (11, "properties[4].expression"),
        (12, "properties[5].expression"),
        (13, "properties[6].expression"),
        (14, "embedding.template"),
        (17, "relationships[0].end.key[0].column"),
        (18, "relationships[0].properties[0].column"),
        (19, "order_by[0]"),
        (21, "tables[1].source"),
    ]
    words = [
        "is double, which cannot be a point", "no column 'colour'", "nowhere", "does not work on", "names 'user'",
        "no column 'words'", "no column 'maker'", "cannot be a property of type date", "no column 'changed'",
        "cannot be read as Delta",
    ]  # fmt: skip
    for fault, word in zip(faults, words, strict=True):
        assert word in fault.message
        assert "\n" not in fault.message
    # What the load itself would stop at is the first of them.
    with pytest.raises(PreflightError, match="has no column"):
        check_source(spark, read_mapping(str(tmp_path / "m.yml")).tables[0])


def test_a_name_given_in_an_expression_is_a_fault_of_that_line(spark, source, tmp_path):
    """`AS name`, and a star: an expression is one value, and its name is `property`."""
    for wrong in ("upper(tags[0]) AS shout", "*"):
        text = (
            f"tables:\n  - name: t\n    source: {source}\n    labels: [T]\n    key: [{{column: id, type: integer}}]\n"
            f"    properties:\n      - {{expression: '{wrong}', property: shout}}\n"
        )
        (fault,) = mapping_check.table_faults(spark, _checked(tmp_path, text))
        assert (fault.line, "does not work on" in fault.message) == (7, True)


def test_a_mapping_that_fits_has_no_faults(spark, source, tmp_path):
    """Without the lines that are wrong nothing is said."""
    kept = [
        line
        for number, line in enumerate(MAPPING.splitlines(), 1)
        if number not in {8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19} and number < 20
    ]
    checked = _checked(tmp_path, "\n".join(kept).format(source=source))
    assert mapping_check.table_faults(spark, checked) == []
