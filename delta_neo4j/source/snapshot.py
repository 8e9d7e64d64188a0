"""All rows of a source as a run finds them: of a Delta table at one version, of any other relation as a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source import change_feed, delta, freeze
from delta_neo4j.source.change_feed import CHANGE, COMMIT, INSERT
from delta_neo4j.source.contract import contract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table

SNAPSHOT = "snapshot"  # the source mode that reads all rows at each run


def read(spark: SparkSession, table: Table, version: int | None, path: str) -> DataFrame:
    """
    Return the contract rows of a version; without a version the source is read once, and its rows are kept at `path`.

    The rows are a snapshot, so if rows can say that they are deleted (`deleted_when`), all count as inserted by one
    commit: a row that is there then wins over one that says so, whatever their sequences.
    """
    kind = {CHANGE: F.lit(INSERT), COMMIT: F.lit(0).cast("bigint")} if table.deleted_when else {}
    rows = contract(table, delta.at(spark, table.source, version), **kind)
    if version is not None:
        return rows
    with freeze.without_rebasing(spark):
        freeze.overwrite(rows, path)
    return spark.read.schema(rows.schema).parquet(path)


def rows_of_mode(spark: SparkSession, table: Table, mode: str, version: int | None, path: str) -> DataFrame:
    """Return all contract rows of a version as a load in a source mode has them; without a version as `read` does."""
    if mode == SNAPSHOT or version is None:
        return read(spark, table, version, path)
    if mode == change_feed.CDF:
        return change_feed.rows_at(spark, table, version)
    return contract(table, delta.at(spark, table.source, version))


def present(table: Table, rows: DataFrame) -> DataFrame:
    """Return the rows of a snapshot that do not say that they are deleted."""
    return rows.where(~change_feed.says_deleted(table))
