"""All rows of a relation: read once, and ranked as rows of one moment."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.source import delta, ranking, snapshot
from delta_neo4j.source.rules import validated

TABLE = {
    "name": "things", "source": "dn_things", "labels": ["Thing"], "key": [{"column": "id", "type": "integer"}],
    "properties": [{"column": "size", "type": "integer"}], "deleted_when": "size = '-1'", "sequence_by": ["at"],
}  # fmt: skip
ROWS = {
    ("1", "1", 1): "winner",  # a newer row says that it is deleted, but the table still has this one
    ("1", "-1", 2): "superseded",
    ("2", "1", 1): "superseded",
    ("2", "2", 2): "winner",
    ("3", "-1", None): "gone",
    ("4", "heavy", 1): "unsound",
    ("x", "-1", 1): "keyless",
}


def test_a_view_is_read_once_and_a_key_goes_only_if_no_row_has_it(spark, tmp_path):
    """The copy stays as it was when the view changes; rows that say that they are deleted are not present."""
    table = MappingModel(tables=[TABLE]).tables[0].planned()
    spark.createDataFrame(list(ROWS), "id STRING, size STRING, at INT").createOrReplaceTempView("dn_things")
    source = delta.describe(spark, "dn_things")
    assert (source.table_id, source.version, source.has_feed) == ("relation/dn_things", None, False)
    rows = snapshot.read(spark, table, None, str(tmp_path / "copy"))
    spark.range(1).selectExpr("string(id) AS id", "'0' AS size", "1 AS at").createOrReplaceTempView("dn_things")
    ranked = ranking.ranked(table, validated(table, rows), "", 2).select("c0", "c1", "c2", ranking.STATE).collect()
    assert {tuple(row)[:3]: row[ranking.STATE] for row in ranked} == ROWS
    assert sorted(row["c0"] for row in snapshot.present(table, rows).collect()) == ["1", "2", "2", "4"]
    spark.catalog.dropTempView("dn_things")


def test_what_is_no_delta_table_is_described_by_its_name(spark, tmp_path):
    """A view and a table of another format have columns and no version; a folder without a log is refused."""
    spark.sql("CREATE OR REPLACE VIEW default.dn_view AS SELECT 1 AS a")
    spark.sql("CREATE TABLE IF NOT EXISTS default.dn_parquet (a INT) USING PARQUET")
    for name in ("spark_catalog.default.dn_view", "default.dn_parquet"):
        source = delta.describe(spark, name)
        assert (source.table_id, source.version, source.schema.names) == (f"relation/{name}", None, ["a"])
    with pytest.raises(PreflightError, match=r"cannot be read as Delta: .* make a view of files of another format"):
        delta.describe(spark, str(tmp_path))
