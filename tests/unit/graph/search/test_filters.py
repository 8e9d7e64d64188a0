"""Conditions as people write them, typed by the mapping."""

from __future__ import annotations

import datetime as dt

import pytest

from delta_neo4j.errors import SettingsError
from delta_neo4j.graph.search import filters
from delta_neo4j.graph.search.filters import Condition
from delta_neo4j.graph.search.vector import inside_index
from delta_neo4j.mapping.model import MappingModel

TYPES = {
    "cost": "float", "hours": "integer", "urgent": "boolean", "day": "date", "at": "datetime", "wall": "local_datetime",
    "tags": "list<string>", "cost_code": "string", "a=b": "string", "in": "string", "raw": "json",
    "Größe (mm)": "float",
}  # fmt: skip
TABLE = (
    MappingModel(
        tables=[
            {
                "name": "events", "source": "t", "labels": ["Event"], "key": [{"column": "id"}],
                "properties": [{"column": name, "type": kind} for name, kind in TYPES.items()],
            }
        ]
    )
    .tables[0]
    .planned()
)  # fmt: skip
NOON = dt.datetime(2024, 8, 15, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("cost>10000", ("cost", ">", 10_000.0)),
        (" cost <= 1e3 ", ("cost", "<=", 1_000.0)),
        ("hours!=-7", ("hours", "!=", -7)),
        ("urgent=TRUE", ("urgent", "=", True)),
        ("day>=2024-08-15", ("day", ">=", dt.date(2024, 8, 15))),
        ("at=2024-08-15T14:00:00+02:00", ("at", "=", NOON)),
        ("at<2024-08-15T12:00", ("at", "<", NOON)),
        ("wall>2024-08-15T12:00", ("wall", ">", NOON.replace(tzinfo=None))),
        ("cost_code=a b = c", ("cost_code", "=", "a b = c")),
        ("cost_code='  x'", ("cost_code", "=", "  x")),
        ("cost_code=''", ("cost_code", "=", "")),
        ('cost_code = "=1"', ("cost_code", "=", "=1")),
        ("cost_code=') DETACH DELETE n //", ("cost_code", "=", "') DETACH DELETE n //")),
        ("a=b=c", ("a=b", "=", "c")),
        ("in in in", ("in", "in", ["in"])),
        ("hours in 1, 2,3", ("hours", "in", [1, 2, 3])),
        ("cost_code IN ('a, b', \"c\", d e)", ("cost_code", "in", ["a, b", "c", "d e"])),
        ("cost_code in['']", ("cost_code", "in", [""])),
        ("Größe (mm)<3.5", ("Größe (mm)", "<", 3.5)),
        ("id=7", ("id", "=", "7")),
    ],
)  # fmt: skip
def test_a_condition_has_the_type_of_its_property(text, condition):
    """Name, operator, and the value as Neo4j compares it; keys are properties, too."""
    assert filters.parsed(TABLE, [text]) == (Condition(*condition),)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("price>3", "rows of events have no property 'price'; conditions can be on id, cost, hours, urgent, day"),
        ("tags=a", "tags is of type list<string>, which cannot be compared; conditions can be on id, cost"),
        ("raw=a", "raw is of type json, which cannot be compared"),
        ("cost", "'cost' is not NAME OP VALUE with one of = != < <= > >= in"),
        ("", "'' is not NAME OP VALUE"),
        ("n) DETACH DELETE (n", "is not NAME OP VALUE"),
        ("cost=~3", "cost is of type float, and '~3' is not a number"),
        ("cost==3", "has no known operator: use = != < <= > >= in"),
        ("cost_code<>3", "has no known operator"),
        ("cost=", "'cost=' has no value; an empty text is written ''"),
        ("cost=nan", "'nan' is not a number"),
        ("cost=ten", "'ten' is not a number"),
        ("hours=1.5", "hours is of type integer, and '1.5' is not a whole number"),
        ("hours=9223372036854775808", "is not a whole number of 64 bits"),
        ("urgent=yes", "'yes' is not true or false"),
        ("day=15.8.2024", "is not a date such as 2024-08-15"),
        ("day=2024-02-30", "is not a date"),
        ("at=soon", "is not a moment such as 2024-08-15T14:30:00Z"),
        ("at=0001-01-01T00:00+10:00", "is not a moment"),
        ("wall=2024-08-15T12:00Z", "is not a moment without a zone"),
        ("hours in", "'hours in' is not NAME OP VALUE"),
        ("hours in ()", "has no list of values"),
        ("hours in 1,,2", "has no list of values"),
        ("hours in 1,", "has no list of values"),
        ("hours in 1,x", "'x' is not a whole number"),
        ("cost_code in 'a' b", "has no list of values"),
    ],
)  # fmt: skip
def test_a_faulty_condition_is_one_line(text, line):
    """The line names the condition and what would be right."""
    with pytest.raises(SettingsError) as refused:
        filters.parsed(TABLE, ["cost>1", text])
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("texts", "version", "inside"),
    [
        (["cost>1", "hours=2"], (2026, 9), (0,)),
        (["cost>1", "cost<=5", "cost<9", "cost=3"], (2026, 9), (0, 1)),
        (["cost=1", "cost<5"], (2026, 9), (0,)),
        (["cost!=1", "day=2024-01-01"], (2026, 9), (1,)),
        (["cost in 1,2", "day<2024-01-01"], (2026, 6), (0, 1)),
        (["cost in 1,2", "day<2024-01-01"], (2026, 5), (1,)),
    ],
)
def test_the_index_gets_the_conditions_that_it_can_apply(texts, version, inside):
    """One condition of a filterable property, or a lower and an upper bound; `in` only since Neo4j 2026.06."""
    assert inside_index(filters.parsed(TABLE, texts), {"cost", "day"}, version) == inside
