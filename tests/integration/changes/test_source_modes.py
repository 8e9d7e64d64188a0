"""Which mode a load reads a table in, and what becomes of rows that say that they are deleted."""

from __future__ import annotations

from delta_neo4j.runs.report.terminal import page
from tests.support.quick import skipping_files

MAPPING = """
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{property: thing_id, column: id}]
    properties: [{column: size, type: integer}]
    deleted_when: status = 'gone'
"""
SCHEMA = "id STRING, size INT, status STRING"
FEED = "ALTER TABLE delta.`{}` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')"


def test_a_load_keeps_its_mode_and_a_new_one_takes_the_feed(spark, tables, newest_graph, tmp_path):
    """A feed that comes later is a line in the summary; a change of the mode needs a fresh checkpoint."""
    rows = [("a", 1, None), ("b", 2, "new"), ("c", 3, "gone"), ("d", 4, "gone"), ("d", 5, "new")]
    runs, path = tables(MAPPING, {"things": rows}, {"things": SCHEMA}), str(tmp_path / "things")

    def loaded(**changes):
        (table,) = runs.succeed(**changes)["tables"]
        found = newest_graph.query("MATCH (n:Thing) RETURN n.thing_id AS id, n.size AS size ORDER BY id")
        counts = {name: count for name, count in table["outcomes"].items() if count}
        return table["source_mode"], {row["id"]: row["size"] for row in found}, counts

    def append(*added):
        spark.createDataFrame(added, SCHEMA).coalesce(1).write.format("delta").mode("append").save(path)

    # Of two appended rows of a key, the one that is there wins without an order.
    counts = {"written": 3, "superseded": 1, "unchanged": 1}
    assert loaded() == ("append", {"a": 1, "b": 2, "d": 5}, counts)
    spark.sql(FEED.format(path))
    append(("a", 1, "gone"), ("x", 9, "gone"))
    report = runs.run()
    assert report.summary()["tables"][0]["source_mode"] == "append"
    assert report.total.outcomes["deleted"] == report.total.outcomes["unchanged"] == 1
    assert "--source-mode cdf --reset-checkpoint" in str([list(c.cells) for c in page(report).renderables[0].columns])
    refused = runs.run(source_mode="cdf")
    assert refused.exit_code == 2
    assert "begun with another source mode (append)" in str(refused.error)

    # The table still has a row of `a` that does not say that it is deleted, so the feed brings it back.
    assert loaded(reset_checkpoint=True)[:2] == ("cdf", {"a": 1, "b": 2, "d": 5})
    spark.sql(f"UPDATE delta.`{path}` SET status = 'gone' WHERE size < 3")
    spark.sql(f"UPDATE delta.`{path}` SET status = 'back' WHERE size = 3")
    assert loaded() == ("cdf", {"c": 3, "d": 5}, {"deleted": 2, "written": 1, "superseded": 5})


def test_deletion_vectors_are_followed_like_any_delete(spark, tables, newest_graph, tmp_path):
    """Databricks makes tables so by default: a file keeps its deleted rows, which feed and snapshot leave out."""
    runs, path = tables(MAPPING, {"things": []}, {"things": SCHEMA}), str(tmp_path / "things")
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.sql(FEED.format(path))
    with skipping_files(spark):
        spark.sql(f"INSERT INTO delta.`{path}` SELECT string(id), int(id), 'new' FROM range(20)")
        runs.succeed()
        spark.sql(f"DELETE FROM delta.`{path}` WHERE size < 3")
        spark.sql(f"UPDATE delta.`{path}` SET size = 100 WHERE size = 5")
        assert list((tmp_path / "things").glob("deletion_vector*"))
        changed = runs.succeed()
        assert changed["tables"][0]["source_mode"] == "cdf"
        counts = {name: count for name, count in changed["totals"]["outcomes"].items() if count}
        assert counts == {"deleted": 3, "written": 1, "superseded": 1}
        spark.sql(f"DELETE FROM delta.`{path}` WHERE size = 7")
        (table,) = runs.succeed(source_mode="snapshot", reset_checkpoint=True)["tables"]
        assert (table["rows_read"], table["swept"]) == (16, 1)
    sizes = newest_graph.query("MATCH (n:Thing) RETURN n.size AS size ORDER BY size")
    assert [row["size"] for row in sizes] == [3, 4, 6, *range(8, 20), 100]
