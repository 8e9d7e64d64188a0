"""A source in a folder is described and counted the same by its log alone, as `deltalake` reads it, and by Spark."""

from __future__ import annotations

import pytest

from delta_neo4j.source import delta
from tests.support.quick import skipping_files
from tests.support.states import as_on_a_cluster, without_an_answer

MAKE = {
    "plain": "TBLPROPERTIES ('x' = 'y')",
    "feed": "TBLPROPERTIES (delta.enableChangeDataFeed = TRUE)",
    "names that need a mapping": "TBLPROPERTIES (delta.columnMapping.mode = 'name')",
    "deletion vectors": "TBLPROPERTIES (delta.enableDeletionVectors = true)",
}
UNCOUNTED = "no counts in the log"
COUNTS = "spark.databricks.delta.stats.collect"


def _said(spark, folder):
    found = delta.describe(spark, folder)
    return found, [delta.rows_at(spark, folder, version) for version in range(found.version + 1)]


@pytest.mark.parametrize("kind", [*MAKE, UNCOUNTED])
def test_both_say_the_same(spark, tmp_path, monkeypatch, kind):
    """Id, version, columns, feed, and the rows of each version: of a table with deleted rows, and without counts."""
    folder = f"{tmp_path}/{kind}"
    column = "`:ID(Part) of it`" if "mapping" in kind else "id"
    spark.conf.set(COUNTS, str(kind != UNCOUNTED).lower())
    try:
        spark.sql(f"CREATE TABLE delta.`{folder}` ({column} BIGINT NOT NULL, n INT) USING delta {MAKE.get(kind, '')}")
        spark.sql(f"INSERT INTO delta.`{folder}` SELECT id, CAST(id AS INT) FROM range(10)")
        spark.sql(f"DELETE FROM delta.`{folder}` WHERE {column} < 3")
    finally:
        spark.conf.unset(COUNTS)
    assert bool(list(tmp_path.glob("*/deletion_vector*"))) == (kind == "deletion vectors")
    with skipping_files(spark):
        here = _said(spark, folder)
        with as_on_a_cluster(spark):
            assert _said(spark, folder) == here
        without_an_answer(monkeypatch)
        assert _said(spark, folder) == here
    assert (here[0].version, here[0].has_feed, here[1]) == (2, kind == "feed", [0, 10, 7])


@pytest.mark.classic
def test_a_folder_of_this_machine_is_described_and_counted_without_a_spark_job(spark, tmp_path):
    """Each takes a second of a start otherwise."""
    spark.range(10).write.format("delta").save(f"{tmp_path}/t")
    jobs = spark.sparkContext._jsc.sc().dagScheduler().numTotalJobs
    before = jobs()
    found = delta.describe(spark, f"{tmp_path}/t")
    assert delta.rows_at(spark, f"{tmp_path}/t", found.version) == 10
    assert (found.version, jobs()) == (0, before)
