"""A Spark of this machine."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from delta_neo4j.cli import local_spark
from delta_neo4j.source.local_folder import is_seen


@pytest.mark.classic
def test_workers_read_the_archives_on_their_path_once(spark):
    """Spark lets every task look for new modules; an archive would be read anew for each package found in it."""

    def found_anew(batches):
        import importlib
        import zipimport

        import pyarrow as pa

        for _ in batches:
            pass
        before = {path: id(files) for path, files in zipimport._zip_directory_cache.items()}
        importlib.invalidate_caches()
        anew = [path for path, files in zipimport._zip_directory_cache.items() if id(files) != before.get(path)]
        yield pa.RecordBatch.from_pydict({"archives": [len(before)], "anew": [len(anew)]})

    (row,) = spark.range(1).coalesce(1).mapInArrow(found_anew, "archives LONG, anew LONG").collect()
    assert row["archives"]
    assert not row["anew"]


def test_a_long_session_has_room_for_its_compiled_code():
    """Where only the first compiler runs, Java's default is 48 MB, and Java ends when Spark has filled them."""
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"
    options = local_spark.LOCAL_SPARK["spark.driver.extraJavaOptions"].split()
    command = [java, *options, "-XX:+PrintFlagsFinal", "-version"]
    flags = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(re.search(r"ReservedCodeCacheSize\s*= (\d+)", flags)[1]) >= 240 * 1024 * 1024


def test_deltas_jars_come_by_path_once_ivy_has_them(spark, tmp_path, monkeypatch):
    """A session that ran has filled Ivy's cache, where the jars are then found; a home without one has them fetched."""
    jars = local_spark.delta_jars()["spark.driver.extraClassPath"].split(os.pathsep)
    assert all(Path(jar).is_file() for jar in jars)
    assert [Path(jar).name.startswith(name) for jar, name in zip(jars, ("delta-spark_", "delta-storage-"), strict=True)]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list(local_spark.delta_jars()) == ["spark.jars.packages"]


@pytest.mark.classic
def test_where_hadoop_names_another_file_system_spark_reads_the_folders(spark):
    """Its configuration may make `/data/t` a folder of a cluster, which Python does not see."""
    assert is_seen(spark, "/data/t")
    hadoop = spark._jsc.hadoopConfiguration()
    own = hadoop.get("fs.defaultFS")
    hadoop.set("fs.defaultFS", "hdfs://cluster")
    try:
        local_spark.say_where_paths_lead(spark)
        assert not is_seen(spark, "/data/t")
    finally:
        hadoop.set("fs.defaultFS", own)
        local_spark.say_where_paths_lead(spark)
    assert is_seen(spark, "/data/t")
