"""A source before and after a load: its id, newest version and columns, and its rows at one version."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError, first_line, spark_errors
from delta_neo4j.mapping.identifiers import is_path
from delta_neo4j.source import grants, local_folder
from delta_neo4j.source.path_or_name import open_table, sql_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

# What Spark and Delta say of a view, and of a table of another format; some versions have no class for the first.
_NO_DELTA = re.compile(r"EXPECT_TABLE_NOT_VIEW|expects a table|DELTA_(TABLE_)?ONLY_OPERATION")


@dataclass(frozen=True)
class SourceVersion:
    """
    A Delta table at the start of a load: its id (which DROP and CREATE change), its newest version, its columns.

    `has_feed`: whether the table records its change data feed. A view or a table of another format has no version, and
    its name stands for an id.
    """

    table_id: str
    version: int | None
    schema: StructType
    has_feed: bool = False


def source_token(table_name: str, table_id: str, mode: str) -> str:
    """
    Return eight hex digits for a mapping's table, its Delta table id and its source mode.

    Row versions are compared only if their source tokens are equal.
    """
    return hashlib.sha256(f"{table_name}/{table_id}/{mode}".encode()).hexdigest()[:8]


def describe(spark: SparkSession, source: str) -> SourceVersion:
    """Return the source's id, newest version and columns; raise `PreflightError` if Spark cannot read it."""
    name = sql_name(source)
    try:
        if (found := _looked_at(spark, source)) is not None:
            return SourceVersion(found.table_id, found.version, _schema(spark, name), found.has_feed)
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(lambda: spark.sql(f"DESCRIBE DETAIL {name}").collect()[0])
            newest = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0]
            schema = _schema(spark, name)
            detail = reading.result()
    except spark_errors() as error:
        if is_path(source) or not _NO_DELTA.search(str(error)):
            raise PreflightError(_fault(spark, source, error)) from error
        return _relation(spark, source)
    has_feed = str((detail["properties"] or {}).get("delta.enableChangeDataFeed")).lower() == "true"
    return SourceVersion(str(detail["id"]), int(newest["version"]), schema, has_feed)


def _looked_at(spark: SparkSession, source: str) -> local_folder.Look | None:
    if local_folder.is_seen(spark, source):
        with suppress(local_folder.UnreadableError):  # Spark may read it
            return local_folder.look(source)
    return None


def _schema(spark: SparkSession, name: str) -> StructType:
    return spark.sql(f"SELECT * FROM {name}").schema


def relation_id(source: str) -> str:
    """Return the id of a source that has none, or that is created again every night, from its name."""
    return f"relation/{source}"


def _relation(spark: SparkSession, source: str) -> SourceVersion:
    try:
        schema = at(spark, source, None).schema
    except spark_errors() as error:
        raise PreflightError(_fault(spark, source, error)) from error
    return SourceVersion(relation_id(source), None, schema)


def _fault(spark: SparkSession, source: str, error: Exception) -> str:
    missing = grants.refused(str(error), grants.needed((source,), "", ""))
    if missing is not None:
        return f"you may not read source table {source}: {grants.lines(missing, grants.principal(spark))}"
    if not is_path(source) and Path(source).is_dir():
        return f"there is no table {source}; for the folder of that name write ./{source}"
    remedy, kind = "your SELECT grant on it", ""
    if is_path(source):
        remedy, kind = "that the folder has a _delta_log: make a view of files of another format", " as Delta"
    return (
        f"source table {source} cannot be read{kind}: {first_line(error).rstrip('.')}; check the name (--source, or "
        f"`source` in the mapping), and {remedy}"
    )


def at(spark: SparkSession, source: str, version: int | None) -> DataFrame:
    """Return the source's rows at one version; a source without versions as it is when the rows are read."""
    if version is None:
        return open_table(spark.read, source)
    return open_table(spark.read.format("delta").option("versionAsOf", str(version)), source)


def rows_at(spark: SparkSession, source: str, version: int | None) -> int:
    """Return the number of rows, as `at` reads them; Delta counts them from its log, without reading a data file."""
    if version is not None and local_folder.is_seen(spark, source):
        with suppress(local_folder.UnreadableError):
            table = local_folder.opened(source, version)
            counted = local_folder.counted_rows(table) if table else None
            if counted is not None:
                return counted
    return at(spark, source, version).count()
