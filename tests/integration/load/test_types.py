"""Every type from Delta to what the driver reads back, expressions, templates, and values that are nobody's friends."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from contextlib import contextmanager
from decimal import Decimal

import pytest
from neo4j.spatial import CartesianPoint, WGS84Point

MAPPING = r"""
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{property: thing_id, column: id}]
    properties:
      - {column: text}
      - {column: number, type: integer}
      - {column: real, type: float}
      - {column: money}
      - {column: flag, type: boolean}
      - {column: day, type: date}
      - {column: moment, type: datetime}
      - {column: wall, type: local_datetime}
      - {column: place, type: point}
      - {column: spot, type: point}
      - {column: words, type: list<string>}
      - {column: days, type: list<date>}
      - {column: numbers, type: list<integer>}
      - {column: moments, type: list<datetime>}
      - {column: reals, type: list<float>}
      - {column: flags, type: list<boolean>}
      - {column: walls, type: list<local_datetime>}
      - {column: high, type: point}
      - {column: flat, type: point}
      - {property: price, column: money, type: float}
      - {column: detail, type: map}
      - {column: address, type: map}
      - {property: nested, column: detail, type: json}
      - {property: shout, expression: "upper(text)"}
      - {property: pair, expression: "sha2(to_json(struct(id, number)), 256)"}
"""
SCHEMA = (
    "id STRING, text STRING, number BIGINT, real DOUBLE, money DECIMAL(38, 18), flag BOOLEAN, day DATE, "
    "moment TIMESTAMP, wall TIMESTAMP_NTZ, place STRUCT<longitude: DOUBLE, latitude: DOUBLE>, "
    "spot STRUCT<x: DOUBLE, y: DOUBLE, z: DOUBLE>, words ARRAY<STRING>, days ARRAY<DATE>, numbers ARRAY<INT>, "
    "moments ARRAY<TIMESTAMP>, detail MAP<STRING, BIGINT>, address STRUCT<city: STRING, since: DATE>, "
    "reals ARRAY<DOUBLE>, flags ARRAY<BOOLEAN>, walls ARRAY<TIMESTAMP_NTZ>, "
    "high STRUCT<longitude: DOUBLE, latitude: DOUBLE, height: DOUBLE>, flat STRUCT<x: DOUBLE, y: DOUBLE>"
)
NAMES = [
    *("id", "text", "number", "real", "money", "flag", "day", "moment", "wall", "place", "spot"),
    *("words", "days", "numbers", "moments", "detail", "address", "reals", "flags", "walls", "high", "flat"),
]
DAY, NOON = dt.date(1, 1, 1), dt.datetime(2024, 8, 15, 12, 30, 0, 123456, tzinfo=dt.UTC)


def _row(key, **values):
    return tuple({**dict.fromkeys(NAMES), "id": key, **values}[name] for name in NAMES)


@pytest.fixture
def things(spark, newest_graph, loads, tmp_path):
    """Make loads of a table of things."""

    def of(rows, mapping=MAPPING, schema=SCHEMA):
        file = tmp_path / "things.yml"
        file.write_text(mapping)
        runs = loads(newest_graph, mapping=str(file))
        spark.createDataFrame(rows, schema).write.format("delta").mode("append").save(runs.source)
        return runs

    return of


def _read(graph, key):
    return graph.query("MATCH (n:Thing {thing_id: $key}) RETURN n AS n", key=key)[0]["n"]


@contextmanager
def _setting(spark, name, value):
    """Give the session a setting that must decide nothing."""
    before = spark.conf.get(name)
    spark.conf.set(name, value)
    try:
        yield
    finally:
        spark.conf.set(name, before)


def _letters(spark, runs):
    """Give the class of each dead letter by its row's id."""
    letters = spark.read.format("delta").load(f"{runs.state}/dead_letters").collect()
    return {json.loads(row["row"])["id"]: row["reason_class"] for row in letters}


def test_every_type_comes_back_as_it_went_in(things, newest_graph):
    """Temporal values, points, lists and flattened maps are what the driver reads; decimals keep every digit."""
    money = "12345678901234567890.000000000000000001"
    row = _row(
        "a", text="héllo \u202e\x00 ✈", number=2**63 - 1, real=float("nan"), money=Decimal(money),
        flag=False, day=DAY, moment=NOON, wall=NOON.replace(tzinfo=None), place=(8.5, 47.25), spot=(1.0, 2.0, 3.0),
        words=["x", ""], days=[DAY, dt.date(2024, 2, 29)], numbers=[], moments=[NOON],
        detail={"a.b": 1, "c": 2}, address=("Bern", DAY), reals=[0.1, -1e300], flags=[True, False],
        walls=[NOON.replace(tzinfo=None)], high=(8.5, 47.25, 400.0), flat=(1.0, 2.0),
    )  # fmt: skip
    things([row, _row("b")]).succeed()
    found = _read(newest_graph, "a")
    plain = {name: value for name, value in found.items() if not name.startswith("_dn_")}
    assert plain.pop("real") != found["real"]  # NaN equals nothing, itself included
    assert plain.pop("place") == WGS84Point((8.5, 47.25))
    assert plain.pop("spot") == CartesianPoint((1.0, 2.0, 3.0))
    assert plain.pop("high") == WGS84Point((8.5, 47.25, 400.0))
    assert plain.pop("flat") == CartesianPoint((1.0, 2.0))
    assert [wall.to_native() for wall in plain.pop("walls")] == [NOON.replace(tzinfo=None)]
    native = {name: plain.pop(name).to_native() for name in ("day", "moment", "wall", "address.since")}
    assert native == {"day": DAY, "moment": NOON, "wall": NOON.replace(tzinfo=None), "address.since": DAY}
    assert [day.to_native() for day in plain.pop("days")] == [DAY, dt.date(2024, 2, 29)]
    assert [moment.to_native() for moment in plain.pop("moments")] == [NOON]
    assert json.loads(plain.pop("nested")) == {"a.b": 1, "c": 2}
    assert len(plain.pop("pair")) == 64
    assert plain == {
        "thing_id": "a", "text": "héllo \u202e\x00 ✈", "number": 2**63 - 1,
        "money": money, "price": float(money), "flag": False, "words": ["x", ""], "numbers": [],
        "reals": [0.1, -1e300], "flags": [True, False],
        "detail.a.b": 1, "detail.c": 2, "address.city": "Bern", "shout": "HÉLLO \u202e\x00 ✈",
    }  # fmt: skip
    nothing = {name for name in _read(newest_graph, "b") if not name.startswith("_dn_")}
    assert nothing == {"thing_id", "pair"}


def test_a_null_takes_the_property_away_and_a_maps_lost_keys_go(things, newest_graph):
    """The node is what the row is now; a property that somebody else set beside it stays."""
    runs = things([_row("a", text="x", numbers=[1], detail={"kept": 1, "lost": 2}, place=(1.0, 2.0), day=DAY)])
    runs.succeed()
    newest_graph.query("MATCH (n:Thing) SET n.theirs = 1, n.detailed = 2")
    things([_row("a", detail={"kept": 3})])
    runs.succeed()
    found = {name: value for name, value in _read(newest_graph, "a").items() if not name.startswith("_dn_")}
    found.pop("nested"), found.pop("pair")
    assert found == {"thing_id": "a", "detail.kept": 3, "theirs": 1, "detailed": 2}


def test_what_cannot_be_typed_is_a_dead_letter(spark, things, newest_graph):
    """A null in a list, half a point, text that is no UTF-8, a number beyond 64 bits: each with its reason."""
    place = "STRUCT<longitude: DOUBLE, latitude: DOUBLE>"
    schema = (
        f"id STRING, words ARRAY<STRING>, place {place}, big DECIMAL(38, 0), raw BINARY, divisor INT, "
        "owner STRING, shares ARRAY<DOUBLE>, at STRING"
    )
    mapping = r"""
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{property: thing_id, column: id}]
    properties:
      - {column: words, type: list<integer>}
      - {column: place, type: point}
      - {column: big, type: integer}
      - {property: said, expression: "cast(raw AS STRING)"}
      - {property: share, expression: "100 / divisor", type: float}
      - {column: at, type: datetime}
    relationships:
      - type: OWNED_BY
        end: {label: Owner, key: [{column: owner}]}
        properties: [{column: shares, type: list<integer>}]
"""
    rows = [
        ("good", ["1"], (1.0, 2.0), Decimal(7), b"fine", 4, "me", [2.0], "2021-5-3"),
        ("nobody's", None, None, None, None, None, "\u3000\u00a0", None, None),
        ("\u2003", None, None, None, None, None, None, None, None),
        ("null in list", ["1", None], None, None, None, None),
        ("no number", ["1", "two"], None, None, None, None),
        ("half a point", None, (1.0, None), None, None, None),
        ("nowhere", None, (1.0, 2000.0), None, None, None),
        ("beyond", None, None, Decimal(2**63), None, None),
        ("surrogate", None, None, None, b"\xed\xa0\x80", None),
        ("x" * 40_000, None, None, None, None, None),
        ("divided", None, None, None, None, 0),
        ("cut", None, None, None, None, None, "me", [2.0, 2.5], None),
        ("at no day", None, None, None, None, None, None, None, "14:35:00"),
    ]
    rows = [(*row, *[None] * (9 - len(row))) for row in rows]
    runs = things(rows, mapping, schema)
    with _setting(spark, "spark.sql.ansi.enabled", "false"):  # a division by zero would be a null
        summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 2
    reasons = {key[:12]: kind for key, kind in _letters(spark, runs).items()}
    assert {name: kind for name, kind in reasons.items() if kind != "type_mismatch"}.keys() == {
        "surrogate", "xxxxxxxxxxxx", "divided", "\u2003",
    }  # fmt: skip
    assert reasons["divided"] == "expression_failed"
    assert reasons["surrogate"] == "not_utf8"
    assert reasons["\u2003"] == "key_missing"
    assert summary["totals"]["outcomes"]["dead_lettered"] == len(rows) - 2
    assert sorted(newest_graph.value("MATCH (n:Thing) RETURN collect(n.thing_id) AS ids")) == ["good", "nobody's"]
    owned = "MATCH (n:Thing)-[r:OWNED_BY]->(o:Owner) RETURN collect([n.thing_id, o.owner, r.shares]) AS owned"
    assert newest_graph.value(owned) == [["good", "me", [2]]]


def test_what_lies_within_is_looked_at_too(spark, things, newest_graph):
    """A value that no task could hold is a dead letter, in a list or a map as well, and stops no run."""
    mapping = r"""
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{property: thing_id, column: id}]
    properties:
      - {property: said, expression: "array('', cast(listed AS STRING))", type: list<string>}
      - {property: told, expression: "map('a', cast(mapped AS STRING))", type: map}
      - {property: days, expression: "array(make_date(list_year, 1, 1))", type: list<date>}
      - {property: walls, expression: "map('a', make_timestamp_ntz(map_year, 1, 1, 0, 0, 0))", type: map}
      - {property: parts, expression: "struct(make_date(part_year, 1, 1) AS day)", type: map}
      - {property: day, expression: "make_date(year, 1, 1)", type: date}
"""
    broken, far = b"\xed\xa0\x80", 12024
    good = {"listed": b"x", "mapped": b"x", "list_year": 1, "map_year": 9999, "part_year": 2024, "year": 2024}
    bad = {"listed": broken, "mapped": broken, "list_year": far, "map_year": far, "part_year": far}
    rows = [("good", *good.values()), ("year", *{**good, "year": far}.values())]
    rows += [(name, *{**good, name: value}.values()) for name, value in bad.items()]
    schema = "id STRING, listed BINARY, mapped BINARY, list_year INT, map_year INT, part_year INT, year INT"
    runs = things(rows, mapping, schema)
    assert runs.succeed()["totals"]["outcomes"]["written"] == 2
    assert _letters(spark, runs) == {
        "listed": "not_utf8", "mapped": "not_utf8",
        "list_year": "out_of_range", "map_year": "out_of_range", "part_year": "out_of_range",
    }  # fmt: skip


def test_a_moment_beyond_pythons_is_a_dead_letter_where_it_would_become_one(spark, things, newest_graph):
    """In a key, an end's key, a list, by the session's zone as well as in UTC; a single property is written."""
    mapping = r"""
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{property: thing_id, column: id}, {property: at, column: keyed, type: datetime}]
    properties:
      - {column: listed, type: list<datetime>}
      - {column: plain, type: datetime}
      - {property: said, column: plain}
    relationships:
      - type: KEYED_ON
        end: {label: Day, key: [{property: day, column: ended, type: datetime}]}
        properties: [{column: related, type: datetime}]
"""
    first, last = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999, in UTC
    names = ("keyed", "ended", "related", "listed", "plain")
    schema = "id STRING, keyed TIMESTAMP, ended TIMESTAMP, related TIMESTAMP, listed ARRAY<TIMESTAMP>, plain TIMESTAMP"
    lines = []
    for beyond in names:
        for second in (first - 1, last + 1):
            moments = {name: f"timestamp_seconds({second if name == beyond else 0})" for name in names}
            moments["listed"] = f"array({moments['listed']})"
            columns = ", ".join(f"{made} AS {name}" for name, made in moments.items())
            lines.append(f"SELECT '{beyond} {second}' AS id, {columns}")
    with _setting(spark, "spark.sql.session.timeZone", "America/New_York"):
        runs = things([], mapping, schema)
        spark.sql(" UNION ALL ".join(lines)).write.format("delta").mode("append").save(runs.source)
        outcomes = runs.succeed()["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["dead_lettered"]) == (4, 6)
    kinds = newest_graph.value("MATCH (n:Thing) RETURN collect(DISTINCT split(n.thing_id, ' ')[0]) AS p")
    assert sorted(kinds) == ["plain", "related"]
    assert newest_graph.value("MATCH ()-[e:KEYED_ON]->() RETURN max(e.related.epochSeconds) AS s") == last + 1
    said = newest_graph.value("MATCH (n:Thing) WHERE n.thing_id STARTS WITH 'related' RETURN collect(n.said) AS s")
    assert set(said) == {"1970-01-01 00:00:00"}  # in UTC, not in the session's zone
    assert set(_letters(spark, runs).values()) == {"out_of_range"}


def test_a_text_of_ten_megabytes_is_a_text(things, newest_graph):
    """It is stored whole; only its neighbours in the transaction become fewer."""
    things([_row("a", text="é" * 5_000_000), _row("b", text="small")]).succeed()
    assert newest_graph.value("MATCH (n:Thing {thing_id: 'a'}) RETURN size(n.text) AS s") == 5_000_000


def test_a_template_makes_the_text_and_an_expression_the_key(spark, newest_graph, loads, tmp_path, endpoint):
    """Columns stand in it as they are, whatever their names; a row whose columns are all blank has no text."""
    mapping = tmp_path / "m.yml"
    mapping.write_text(
        "tables:\n  - name: things\n    source: things\n    labels: [Thing]\n"
        "    key: [{property: thing_id, expression: 'sha2(to_json(struct(id, count)), 256)'}]\n"
        "    properties: [{column: 'odd `part`, (x)', property: part}]\n"
        "    embedding: {template: '{odd `part`, (x)}: {finding} ({count})', index: {name: things_v}}\n"
    )
    runs = loads(newest_graph, mapping=str(mapping))
    rows = [("a", "pump", "leaks", 3), ("b", None, "stuck", None), ("c", " ", None, None)]
    frame = spark.createDataFrame(rows, "id STRING, `odd ``part``, (x)` STRING, finding STRING, count INT")
    frame.write.format("delta").option("delta.columnMapping.mode", "name").save(runs.source)
    summary = runs.succeed()
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in ('{"id":"a","count":3}', '{"id":"b"}', '{"id":"c"}')]
    assert set(newest_graph.value("MATCH (n:Thing) RETURN collect(n.thing_id) AS keys")) == set(keys)
    assert {"pump: leaks (3)", ": stuck ()"} <= set(endpoint.texts)
    assert (summary["embedding"]["texts"], summary["totals"]["without_text"]) == (2, 1)


def test_an_expression_that_does_not_fit_the_table_is_named_before_anything_is_written(things, newest_graph):
    """An unknown column, an aggregate: one line with Spark's reason."""
    for wrong in ("upper(nowhere)", "count(*)", "max(text)"):
        runs = things([_row("a")], MAPPING.replace("upper(text)", wrong))
        report = runs.run()
        assert report.exit_code == 2
        assert wrong in str(report.error)
    assert newest_graph.value("MATCH (n) RETURN count(n) AS c") == 0
