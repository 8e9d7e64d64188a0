"""A cast keeps the whole of a value, or the row is unsound; and what is blank."""

from __future__ import annotations

from functools import reduce

import pytest
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.mapping.plan import Input, Property, Table
from delta_neo4j.mapping.types import BY_NAME
from delta_neo4j.source.casts import loses, lost
from delta_neo4j.source.rules import FAULT_CLASS, validated
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.values import is_blank

NO_MOMENTS = [
    *("14:35:00", "T14:35", "9:5:7", "2024", "2021-05", "epoch", "now", "today", "yesterday", "20210503"),
    *("2021-05-03Tuesday", "2021-05-03T", "2021-05-03 x", "2021-05-03 25:00:00", "2021-02-29", "2021-13-01"),
    *("03.05.2021", "2021-05-03 10:00:00 Berlin", "1620000000", "", "—"),
    *("2021-05-03 10:00:00 BST", "2021-05-03T10:00:00PST", "2021-05-03 10:00:00 AST"),
]
NANOSECONDS = "2021-05-03 10:00:00.1234567"
ZONED = [
    *("2021-05-03T10:00:00Z", "2021-05-03 10:00:00+02:00", "2021-05-03 10:00:00 Europe/Berlin"),
    "2021-05-03T10:00:00CET",
]
LOCAL = [
    *("2021-05-03T10:00:00", " 2021-5-3 9:05 ", "2021-05-03 10:00:00.123456000", "2024-02-29", "+12021-01-01"),
    "2021-05-03T10",
]
BEYOND = "9.223372036854775808e18"  # 2^63
# (column type, property type): texts of sound values, texts of values that a cast would change. A text is Spark SQL.
CASES = {
    ("STRING", "date"): ([*LOCAL, *ZONED, NANOSECONDS], NO_MOMENTS),
    ("STRING", "datetime"): ([*LOCAL, *ZONED], [*NO_MOMENTS, NANOSECONDS]),
    ("STRING", "local_datetime"): (LOCAL, [*NO_MOMENTS, NANOSECONDS, *ZONED]),
    ("STRING", "integer"): (
        ["007", " 12 ", "-3", "+4", "9223372036854775807"],
        ["2.5", "1e3", "9223372036854775808", "１２", "0x1F", "1L", "NaN", "", "1 2", "1_000"],
    ),
    ("STRING", "float"): (
        [
            *("1.10", ".5", "1e3", "-2.", "NaN", "Infinity", "-inf", "9007199254740992", "52.520006599999999"),
            *("0e5", "1e22", "1152921504606846976"),
        ],
        [
            *("1d", "1.5f", "0x1p3", "9007199254740993", "9007199254740993.0", f"{10**40 + 1}", "1,5", "", "１"),
            *("1e400", "-1e400", "1e-400"),
        ],
    ),
    ("STRING", "boolean"): (["true", "F", "yes", "0", "1"], ["7", "2", "ja", "", "on"]),
    ("DOUBLE", "integer"): (["2.0", "-0.0", "-9.223372036854775808e18"], ["2.5", "'NaN'", "'Infinity'", BEYOND]),
    ("FLOAT", "integer"): (["16777216"], ["0.5", BEYOND]),
    ("DECIMAL(38, 2)", "integer"): (["2.00"], ["2.50", "9223372036854775808"]),
    ("TIMESTAMP", "integer"): (["'2021-05-03 10:00:00'"], ["'2021-05-03 10:00:00.5'", "'1969-12-31 23:59:59.9'"]),
    ("TIMESTAMP", "float"): (["'2021-05-03 10:00:00.123457'"], []),
    ("TIMESTAMP", "date"): (["'2021-05-03 10:00:00.5'"], []),
    ("INT", "boolean"): (["0", "1"], ["7", "-1"]),
    ("DOUBLE", "boolean"): (["0.0", "1.0"], ["0.5", "'NaN'"]),
    ("BIGINT", "float"): (
        ["9007199254740992", "-1", "1152921504606846976"],  # 2^53, 2^60
        ["9007199254740993", "9223372036854775807"],
    ),
    ("DECIMAL(38, 0)", "float"): (["10000000000000000000000"], ["9" * 38]),
    ("DECIMAL(38, 18)", "float"): (
        ["0.333333333333333333", "12345678901234567890.000000000000000001"],
        ["9007199254740993", "99999999999999999999"],
    ),
    ("BIGINT", "datetime"): (["1700000000"], ["9223372036855"]),
    ("DOUBLE", "datetime"): (["1.5"], ["1700000000.1234567"]),
    ("DECIMAL(38, 18)", "datetime"): (["1700000000.123456"], ["1700000000.1234567", "12345678901234567890"]),
    ("INTERVAL SECOND", "integer"): (["INTERVAL '1' SECOND"], ["INTERVAL '1.5' SECOND"]),
    ("BOOLEAN", "integer"): (["true", "false"], []),
    ("DATE", "datetime"): (["'2021-05-03'"], []),
}


NEWER_CASES = {("STRING COLLATE UNICODE_CI", "date"): (["'2021-05-03'"], ["'2021'"])}  # Spark 4


def _frame(spark, kind, sound, changed):
    def row(value, *, is_lost):
        return f"('{value}', {is_lost})" if kind == "STRING" else f"(CAST({value} AS {kind}), {is_lost})"

    rows = [*(row(value, is_lost=False) for value in sound), *(row(value, is_lost=True) for value in changed)]
    return spark.sql(f"SELECT * FROM VALUES {', '.join(rows)} AS t(value, is_lost)")


@pytest.fixture(params=["single", "list"])
def shape(request, spark):
    """Run in the session of a load; for lists with patterns read as Spark 1.6 did."""
    name = "spark.sql.parser.escapedStringLiterals"
    before = spark.conf.get(name)
    spark.conf.set(name, str(request.param == "list").lower())
    with deciding_values(spark, "UTC"):
        yield request.param
    spark.conf.set(name, before)


def test_a_value_that_its_cast_changes_is_lost_and_no_other(spark, shape):
    """One rule for every type, for single values and for the elements of lists, whatever the session is set to."""
    frames = []
    for (kind, wanted), (sound, changed) in {**CASES, **({} if spark.version < "4" else NEWER_CASES)}.items():
        rows, sql = _frame(spark, kind, sound, changed), BY_NAME[wanted].sql
        if shape == "list":
            rows, sql = rows.withColumn("value", F.array("value")), f"ARRAY<{sql}>"
        found = F.expr(loses(rows.schema["value"].dataType, sql, "value")).alias("found")
        shown = F.concat(F.lit(f"{kind} as {wanted}: "), F.col("value").cast("string"))
        frames.append(rows.select(shown.alias("shown"), "is_lost", found))
    rows = reduce(lambda one, other: one.union(other), frames)
    assert [row for row in rows.collect() if row["found"] is not row["is_lost"]] == []


def test_a_null_is_not_lost_except_in_a_list(spark):
    """A list in Neo4j holds no null."""
    row = spark.sql("SELECT CAST(NULL AS STRING) AS one, array('1', NULL) AS some, CAST(NULL AS ARRAY<STRING>) AS none")
    casts = {"one": "BIGINT", "some": "ARRAY<BIGINT>", "none": "ARRAY<BIGINT>"}
    found = [loses(row.schema[name].dataType, sql, name) for name, sql in casts.items()]
    assert row.selectExpr(*found).collect()[0] == (False, True, False)


def test_a_reason_shows_the_element_that_is_lost(spark):
    """A list may be long, and its reason is not."""
    row = spark.sql("SELECT array(1.0D, 2.5D, 0.5D) AS some, array(1.0D, NULL) AS half, 2.5D AS one")
    casts = {"some": "ARRAY<BIGINT>", "half": "ARRAY<BIGINT>", "one": "BIGINT"}
    shown = row.selectExpr(*(lost(row.schema[name].dataType, sql, name) for name, sql in casts.items()))
    assert shown.collect()[0] == ("2.5", "null", "2.5")


def test_every_white_space_of_unicode_is_blank(spark):
    """A dash and an ellipsis are not; neither is a character of no width."""
    spaces = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2005\u200a\u2028\u2029\u202f\u205f\u3000"
    texts = [*spaces, "", spaces, "—", "…", "0", f"{spaces}x", "\u200b"]
    rows = spark.createDataFrame([(text,) for text in texts], "text STRING").select("text", is_blank(F.col("text")))
    assert [row[0] for row in rows.collect() if not row[1]] == ["—", "…", "0", f"{spaces}x", "\u200b"]


def test_an_hour_that_a_zone_skips_or_has_twice_is_lost(spark):
    """02:30 of a March day does not exist in Berlin; 02:30 of an October day is one local time of two moments."""
    rows = spark.sql(
        "SELECT * FROM VALUES ('2024-03-31T02:30:00'), ('2024-03-31T03:30:00'), ('2024-03-31T02:30:00Z') t(v)"
    )
    autumn = spark.sql("SELECT * FROM VALUES (1729989000L), (1729992600L) t(s)")
    with deciding_values(spark, "Europe/Berlin"):
        text = rows.select(F.expr(loses(rows.schema["v"].dataType, "TIMESTAMP", "v"))).collect()
        local = rows.limit(2).selectExpr("CAST(v AS TIMESTAMP_NTZ) AS v")
        of_local = local.select(F.expr(loses(local.schema["v"].dataType, "TIMESTAMP", "v"))).collect()
        moments = autumn.selectExpr("timestamp_seconds(s) AS v")
        of_moment = moments.select(F.expr(loses(moments.schema["v"].dataType, "TIMESTAMP_NTZ", "v"))).collect()
    assert [row[0] for row in text] == [True, False, False]
    assert [row[0] for row in of_local] == [True, False]
    assert sorted(row[0] for row in of_moment) == [False, True]


def test_a_session_with_old_ways_to_read_gives_the_same_values(spark):
    """Formats of dates, keys of maps, patterns and JSON are read in the usual way, and the session keeps its own."""
    changed = {
        "spark.sql.legacy.timeParserPolicy": "LEGACY",
        "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
        "spark.sql.parser.escapedStringLiterals": "true",
        "spark.sql.jsonGenerator.ignoreNullFields": "false",
    }
    before = {name: spark.conf.get(name) for name in changed}
    try:
        for name, value in changed.items():
            spark.conf.set(name, value)
        with deciding_values(spark, "UTC"):
            (row,) = spark.sql(
                "SELECT try_to_timestamp('1/2/24', 'dd/MM/yyyy') AS at, "
                "to_json(named_struct('a', 1, 'b', null)) AS json, 'a.b' RLIKE 'a\\\\.b' AS matched"
            ).collect()
        assert (row["at"], row["json"], row["matched"]) == (None, '{"a":1}', True)
        assert {name: spark.conf.get(name) for name in changed} == changed
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def test_a_place_beyond_the_globe_is_unsound(spark):
    """Neo4j would turn a longitude of 190 into -170; coordinates x and y have no bounds."""
    table = Table("t", "t", ("L",), (), (Property("at", Input("p"), "point"),), None, (), (), "")
    places = spark.sql("SELECT * FROM VALUES (190D, 0D), (-180D, 90D), (0D, -91D) AS t(longitude, latitude)")
    for names, expected in (("longitude", "latitude"), [True, False, True]), (("x", "y"), [False] * 3):
        fields = ", ".join(f"'{name}', {column}" for name, column in zip(names, places.columns, strict=True))
        rows = places.selectExpr(f"named_struct({fields}) AS c0")
        assert [row[FAULT_CLASS] is not None for row in validated(table, rows).collect()] == expected
