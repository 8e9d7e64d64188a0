"""Labels and tables' names out of the names of sources."""

from __future__ import annotations

import pytest

from delta_neo4j.runs.mapping_draft import names


@pytest.mark.parametrize(
    ("table", "label"),
    [
        ("nodes_systems", "System"),
        ("maintenance_events", "MaintenanceEvent"),
        ("aircraft", "Aircraft"),
        ("companies", "Company"),
        ("boxes", "Box"),
        ("status", "Status"),
        ("addresses", "Address"),
        ("2024 flights", "T2024Flight"),
        ("---", "T"),
        ("größen", "Größen"),
    ],
)
def test_a_table_gives_its_label(table, label):
    """The singular in camel case, usable whatever the table is called."""
    assert names.label_of(table) == label


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a.b.Things", "things"),
        ("/data/day=1/my things/", "my_things"),
        ("`c`.`s`.`t-1`", "t_1"),
        ("/x/1", "T1".lower()),
    ],
)
def test_a_source_gives_the_tables_name(source, name):
    """The last part of a name or path, in letters, digits and underscores."""
    assert names.table_of(source) == name
