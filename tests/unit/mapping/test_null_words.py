"""Words that count as null: whose they are, and what does not change with them."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping.file import read_mapping

MAPPING = """
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{column: id}]
    properties: [{column: size, type: integer}, {column: weight, type: float}]
"""


def _table(tmp_path, text):
    file = tmp_path / "things.yml"
    file.write_text(text)
    return read_mapping(str(file), {}).tables[0]


def test_a_table_gives_its_words_to_every_column_that_has_none(tmp_path):
    """A column's own words win."""
    text = MAPPING.replace("labels", 'empty: "null"\n    null_words: [NA]\n    labels')
    table = _table(tmp_path, text.replace("{column: weight,", "{column: weight, null_words: ['-'],"))
    size, weight = (prop.input for prop in table.properties)
    assert str(size) == "column 'size'"
    assert "IN ('', 'NA')" in size.text
    assert "IN ('', '-')" in weight.text


def test_words_are_no_part_of_what_a_checkpoint_compares(tmp_path):
    """After the gate has stopped a run they can be added, and the checkpoint goes on."""
    with_words = MAPPING.replace("labels", "null_words: [NA]\n    labels")
    assert _table(tmp_path, with_words).digest == _table(tmp_path, MAPPING).digest


def test_the_embedded_text_is_found_although_its_property_has_words(tmp_path):
    """The full-text index and search need no name of the property."""
    more = "embedding: {text: said, index: {name: v}}\n    fulltext: {index: said}\n    properties: [{column: said}, "
    text = MAPPING.replace("properties: [", more)
    table = _table(tmp_path, text.replace("labels", "null_words: [NA]\n    labels"))
    assert (table.fulltext.properties, table.shown_text) == (("said",), "said")


def test_an_expression_has_no_words(tmp_path):
    """It can say itself what is null."""
    text = MAPPING.replace("{column: size,", "{property: size, expression: upper(a), null_words: [A],")
    with pytest.raises(MappingError, match=r"`empty` and `null_words` belong to a `column`"):
        _table(tmp_path, text)


def test_a_number_is_a_null_word_however_it_is_written(tmp_path):
    """-999 is also the float -999.0 and the text '-999.00'; a word that is no number is compared as a text alone."""
    table = _table(tmp_path, MAPPING.replace("labels", 'null_words: ["-999", NA]\n    labels'))
    size, _ = (prop.input for prop in table.properties)
    assert "AS DOUBLE) IN (-999D)" in size.text
