"""Names from mappings and settings never become anything but names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping.identifiers import property_name, quoted, schema_name, snake_case, sql_quoted, table_name

HOSTILE = ["", "a`b", "x}) DETACH DELETE n //", "a\\u0060b", "1abc", "a b", "a-b", "a\nb", "x" * 300]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_labels_are_refused(name):
    """A label, type or index name is letters, digits and underscores."""
    with pytest.raises(MappingError):
        schema_name(name)


@pytest.mark.parametrize("name", ["RemovalEvent", "HAS_REMOVAL", "Ölwechsel", "_x1"])
def test_usual_labels_are_accepted(name):
    """Letters of any script may stand in a label."""
    assert schema_name(name) == name


@pytest.mark.parametrize("name", ["a`b", "a\\u0060b", "a\x00b", "a\nb", "a\ud800", "_dn_version", ""])
def test_dangerous_property_names_are_refused(name):
    """Back-ticks, escapes, control characters and the loader's own prefix are refused."""
    with pytest.raises(MappingError):
        property_name(name)


@given(st.text(min_size=1, max_size=50))
def test_what_is_accepted_cannot_leave_its_quotes(name):
    """Whatever text is accepted as a property name holds nothing that ends a quoted identifier."""
    try:
        accepted = property_name(name)
    except MappingError:
        return
    assert quoted(accepted).count("`") == 2
    assert "\\" not in accepted


def test_column_names_are_quoted_for_spark():
    """Spark SQL doubles a back-tick inside a quoted name."""
    assert sql_quoted(":ID(RemovalEvent)") == "`:ID(RemovalEvent)`"
    assert sql_quoted("a`b") == "`a``b`"


@pytest.mark.parametrize(
    ("given_name", "quoted_name"),
    [("t", "`t`"), ("a.b.c", "`a`.`b`.`c`"), ("`my-cat`.b", "`my-cat`.`b`")],
)
def test_table_names_have_up_to_three_parts(given_name, quoted_name):
    """One to three parts, each quoted."""
    assert table_name(given_name) == quoted_name


@pytest.mark.parametrize("name", ["", "a.b.c.d", "t; DROP TABLE x", "a`b", "a.(b)"])
def test_what_is_no_table_name_is_refused(name):
    """Anything else than a table name is refused before it reaches SQL."""
    with pytest.raises(MappingError):
        table_name(name)


def test_labels_become_snake_case():
    """The form that constraint names use."""
    assert snake_case("RemovalEvent") == "removal_event"
