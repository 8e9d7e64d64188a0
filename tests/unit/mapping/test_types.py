"""The table of property types: what a mapping file accepts is what it has."""

from __future__ import annotations

import json

import pytest

from delta_neo4j.mapping.file import json_schema, validated
from delta_neo4j.mapping.types import PROPERTY_TYPES

MAPPING = """
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{{column: id, type: {key}}}]
    properties: [{{column: size, type: {type}, filterable: {filterable}}}]
    embedding: {{text: note, index: {{name: notes}}}}
"""


def _faults(key="string", type="string", filterable="false"):  # noqa: A002  # the key of a mapping file
    return validated(MAPPING.format(key=key, type=type, filterable=filterable))[1]


def test_the_schema_has_the_types_of_the_table():
    """Editors offer each type once, in the order of the table."""
    enum = json.loads(json_schema())["$defs"]["PropertyModel"]["properties"]["type"]["enum"]
    assert enum == [row.name for row in PROPERTY_TYPES]
    assert len(set(enum)) == len(enum)


@pytest.mark.parametrize("row", PROPERTY_TYPES, ids=lambda row: row.name)
def test_a_mapping_takes_a_type_where_its_row_allows_it(row):
    """Every type is a property; keys and filters follow the row."""
    name = f'"{row.name}"'
    assert _faults(type=name) == []
    assert (_faults(key=name) == []) == row.may_be_key
    assert (_faults(type=name, filterable="true") == []) == row.is_single


def test_every_single_type_has_a_list():
    """Lists are cast to an array of their element's Spark type."""
    rows = {row.name: row for row in PROPERTY_TYPES}
    for row in PROPERTY_TYPES:
        if row.is_single:
            assert rows[f"list<{row.name}>"].sql == f"ARRAY<{row.sql}>"
