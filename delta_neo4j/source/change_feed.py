"""
A Delta table's change data feed as a stream of contract rows, and what a feed's rows say of their keys.

A stream without a checkpoint begins with the table's newest version: all its rows, as inserts. Then come the changes,
commit by commit: `insert`, `delete`, and for an update the row before it (`update_preimage`) and after it
(`update_postimage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.mapping.identifiers import sql_quoted
from delta_neo4j.source.contract import contract, raw_column
from delta_neo4j.source.delta import at
from delta_neo4j.source.path_or_name import open_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from delta_neo4j.mapping.plan import Table

CDF = "cdf"  # the source mode that reads the change data feed
CHANGE, COMMIT = "change", "commit"  # columns beside the contract's: the kind of a row's change, and its table version
_TYPE, _VERSION, _TIME = "_change_type", "_commit_version", "_commit_timestamp"  # Delta's columns
INSERT, POSTIMAGE, DELETE, PREIMAGE = "insert", "update_postimage", "delete", "update_preimage"


def stream(spark: SparkSession, table: Table, max_bytes_per_trigger: int) -> DataFrame:
    """
    Return a stream of contract rows with `change` and `commit`.

    A micro-batch reads at most so many bytes, one file, or the change files of one commit. A commit without change
    files (inserts, deletes of whole files) may be cut, its inserts and its deletes in either order.
    """
    reader = spark.readStream.format("delta").option("readChangeFeed", "true")
    rows = open_table(reader.option("maxBytesPerTrigger", str(max_bytes_per_trigger)), table.source)
    return of_frame(table, rows)


def is_feed(frame: DataFrame) -> bool:
    """Return whether a frame's rows are changes of a table: it has the columns that Delta gives to a change feed."""
    return {_TYPE, _VERSION} <= set(frame.columns)


def table_columns(frame: DataFrame) -> StructType:
    """Return the columns that a change feed's rows have of their table."""
    return frame.drop(_TYPE, _VERSION, _TIME).schema


def of_frame(table: Table, frame: DataFrame) -> DataFrame:
    """Return a frame's rows as contract rows, with `change` and `commit` if they are changes of a table."""
    kind = {CHANGE: F.col(_TYPE), COMMIT: F.col(_VERSION)} if is_feed(frame) else {}
    return contract(table, frame, **kind)


def rows_at(spark: SparkSession, table: Table, version: int) -> DataFrame:
    """Return the rows of a version that do not say that they are deleted, as rows of a feed inserted by it."""
    kind = {CHANGE: F.lit(INSERT), COMMIT: F.lit(version).cast("bigint")}
    newest = open_table(spark.read.format("delta"), table.source)
    rows = contract(table, _with_younger_columns(at(spark, table.source, version), newest), **kind)
    return rows.where(~says_deleted(table)) if table.deleted_when else rows


def _with_younger_columns(rows: DataFrame, newest: DataFrame) -> DataFrame:
    """Add the columns that the table got after the version of `rows`, as nulls; not if one was renamed or dropped."""
    before, now = ({name.lower() for name in frame.columns} for frame in (rows, newest))
    if before - now:
        return rows
    younger = [field for field in newest.schema if field.name.lower() not in before]
    return rows.select("*", *(F.lit(None).cast(field.dataType).alias(field.name) for field in younger))


def says_deleted(table: Table) -> Column:
    """Return whether a contract row meets the mapping's `deleted_when`; a null does not meet it."""
    if table.deleted_when is None:
        return F.lit(False)
    return F.coalesce(F.col(sql_quoted(raw_column(table, table.deleted_when))), F.lit(False))


def gone(table: Table, rows: DataFrame) -> Column | None:
    """Return whether a contract row says that its key is gone; None if no row of these can say so."""
    if CHANGE not in rows.columns:
        return says_deleted(table) if table.deleted_when else None
    return F.col(CHANGE).isin(DELETE, PREIMAGE) | says_deleted(table)
