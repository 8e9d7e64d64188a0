"""A Delta source before and after a load: its id, newest version and columns, and its rows at one version."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError, first_line, spark_errors
from delta_neo4j.mapping.identifiers import is_path
from delta_neo4j.source import grants
from delta_neo4j.source.path_or_name import open_table, sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class SourceVersion:
    """
    A Delta table at the start of a load: its id (which DROP and CREATE change), its newest version, its columns.

    `has_feed`: whether the table records its change data feed.
    """

    table_id: str
    version: int
    schema: StructType
    has_feed: bool = False


def source_token(table_name: str, table_id: str, mode: str) -> str:
    """
    Return eight hex digits for a mapping's table, its Delta table id and its source mode.

    Row versions are compared only if their source tokens are equal.
    """
    return hashlib.sha256(f"{table_name}/{table_id}/{mode}".encode()).hexdigest()[:8]


def describe(spark: SparkSession, source: str) -> SourceVersion:
    """Return the source's id, newest version and columns; raise `PreflightError` if it cannot be read as Delta."""
    name = sql_name(source)
    try:
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(lambda: spark.sql(f"DESCRIBE DETAIL {name}").collect()[0])
            newest = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0]
            schema = spark.sql(f"SELECT * FROM {name}").schema
            detail = reading.result()
    except spark_errors() as error:
        raise PreflightError(_fault(spark, source, error)) from error
    has_feed = str((detail["properties"] or {}).get("delta.enableChangeDataFeed")).lower() == "true"
    return SourceVersion(str(detail["id"]), int(newest["version"]), schema, has_feed)


def _fault(spark: SparkSession, source: str, error: Exception) -> str:
    missing = grants.refused(str(error), grants.needed((source,), "", ""))
    if missing is not None:
        return f"you may not read source table {source}: {grants.lines(missing, grants.principal(spark))}"
    if "EXPECT_TABLE_NOT_VIEW" in str(error):
        return (
            f"source {source} is a view: it has no versions and no table id, which a load needs to resume and to check "
            "its counts; name the Delta table behind it, or write its rows to one: CREATE TABLE NAME USING DELTA AS "
            f"SELECT * FROM {source}"
        )
    if not is_path(source) and re.search("DELTA_(TABLE_)?ONLY_OPERATION", str(error)):
        return (
            f"source table {source} is no Delta table: write its rows to one (CREATE TABLE NAME USING DELTA AS SELECT "
            f"* FROM {source}; for Parquet files, CONVERT TO DELTA)"
        )
    if not is_path(source) and Path(source).is_dir():
        return f"there is no table {source}; for the folder of that name write ./{source}"
    remedy = "your SELECT grant on it"
    if is_path(source):
        remedy = "that the folder has a _delta_log: data of another format must be written to a Delta table first"
    return (
        f"source table {source} cannot be read as Delta: {first_line(error).rstrip('.')}; check the name (--source, or "
        f"`source` in the mapping), and {remedy}"
    )


def at(spark: SparkSession, source: str, version: int) -> DataFrame:
    """Return the source's rows at one version."""
    return open_table(spark.read.format("delta").option("versionAsOf", str(version)), source)


def rows_at(spark: SparkSession, source: str, version: int) -> int:
    """Return the number of rows at one version; Delta counts them from its log, without reading a data file."""
    return at(spark, source, version).count()
