"""
The Delta table as a stream of contract rows.

Columns are pruned and renamed before the stream starts: inside `foreachBatch` nothing can be pruned any more,
and safe names (`c0`, `c1`, …, in the order of `Table.inputs`) keep `:ID(RemovalEvent)` out of every expression.
Expressions of the mapping are worked out there too: the stream is their only sight of the source.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  # the name every Spark reader knows

from delta_neo4j import expressions, grants
from delta_neo4j.errors import PreflightError
from delta_neo4j.identifiers import sql_quoted, table_name
from delta_neo4j.plan import TEXT_HASH
from delta_neo4j.spark_errors import SPARK_ERRORS

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

    from delta_neo4j.plan import Input, Table


APPEND = "append"  # the source mode in which only new files are read


@dataclass(frozen=True)
class SourceVersion:
    """A Delta table as found: its id (another one after DROP + CREATE), its newest version, its columns."""

    table_id: str
    version: int
    schema: StructType


def raw_column(table: Table, made_from: Input) -> str:
    """Give the contract name of what a value is made from."""
    return "text_hash" if made_from == TEXT_HASH else f"c{table.inputs.index(made_from)}"


def source_token(table_name: str, table_id: str, mode: str) -> str:
    """Name what row versions compare within: eight hex digits for a mapping's table, its Delta table id and mode."""
    return hashlib.sha256(f"{table_name}/{table_id}/{mode}".encode()).hexdigest()[:8]


def is_path(source: str) -> bool:
    """Tell a path from a table name."""
    return "/" in source


def describe(spark: SparkSession, source: str) -> SourceVersion:
    """Look the table up, or raise `PreflightError` with what to do."""
    name = f"delta.`{_safe_path(source)}`" if is_path(source) else table_name(source)
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]
        newest = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0]
        schema = _reader(spark, source).schema
    except SPARK_ERRORS as error:
        raise PreflightError(_fault(spark, source, error)) from error
    return SourceVersion(str(detail["id"]), int(newest["version"]), schema)


def _fault(spark: SparkSession, source: str, error: Exception) -> str:
    refused = grants.refused(str(error), grants.needed((source,), "", ""))
    if refused is not None:
        return f"source table {source} refuses you; {grants.lines(refused, grants.principal(spark))}"
    if "EXPECT_TABLE_NOT_VIEW" in str(error):
        return (
            f"source {source} is a view: it has no versions and no table id of its own, by which a load resumes and "
            "is held against its source; name the Delta table behind it, or a streaming table made from it"
        )
    return (
        f"source table {source} cannot be read as Delta: {_first_line(error)}; "
        "check the name and your SELECT grant, or name another with --source"
    )


def check_columns(table: Table, empty: DataFrame) -> None:
    """Raise `PreflightError` naming what the mapping wants and the source, of which `empty` is no row, has not."""
    names = empty.columns
    missing = [each.text for each in table.inputs if not each.is_expression and each.text not in names]
    if missing:
        raise PreflightError(
            f"source table {table.source} has no column {', '.join(map(repr, missing))}, which table "
            f"{table.name} of the mapping names; it has {', '.join(map(repr, names))}"
        )
    for each in table.inputs:
        if each.is_expression:
            _check_expression(table, each, empty)


def _check_expression(table: Table, expression: Input, empty: DataFrame) -> None:
    for name in expressions.hidden_functions(expression.text, empty.columns):
        raise PreflightError(
            f"table {table.name} of the mapping: {expression} names {name!r}, which {table.source} has no column for; "
            "Spark would take it for the function, which gives another value at every reading"
        )
    try:
        # Beside a plain column an aggregate has no group, and Spark says so.
        empty.select(_value(expression), F.col(sql_quoted(empty.columns[0])).alias("beside")).schema  # noqa: B018
    except (AnalysisException, ParseException) as error:
        raise PreflightError(
            f"table {table.name} of the mapping: {expression} does not work on {table.source}: {_first_line(error)}"
        ) from error


def at(spark: SparkSession, source: str, version: int) -> DataFrame:
    """Give the table as it was at one version."""
    reader = spark.read.format("delta").option("versionAsOf", str(version))
    return reader.load(source) if is_path(source) else reader.table(table_name(source))


def rows_at(spark: SparkSession, source: str, version: int) -> int:
    """Count the table's rows at one version; Delta answers from its log, no data file is read."""
    return at(spark, source, version).count()


def placed(table: Table, rows: DataFrame) -> DataFrame:
    """Select the mapped columns, and as `place` the file of each row in the order in which a stream reads files."""
    moment = F.date_format("_metadata.file_modification_time", "yyyyMMddHHmmssSSS")
    place = F.concat_ws(" ", moment, F.col("_metadata.file_path")).alias("place")
    return rows.select(*_contract(table), place)


def stream(spark: SparkSession, table: Table, max_bytes_per_trigger: int) -> DataFrame:
    """Open the table as a stream of contract rows; a micro-batch reads at most so many bytes, or one file."""
    reader = spark.readStream.format("delta").option("maxBytesPerTrigger", str(max_bytes_per_trigger))
    rows = reader.load(table.source) if is_path(table.source) else reader.table(table_name(table.source))
    return contract(table, rows)


def contract(table: Table, rows: DataFrame) -> DataFrame:
    """Select the mapped columns and expressions under their contract names."""
    return rows.select(*_contract(table))


def _contract(table: Table) -> list[Column]:
    return [_value(made_from).alias(raw_column(table, made_from)) for made_from in table.inputs]


def _value(made_from: Input) -> Column:
    return F.expr(made_from.text) if made_from.is_expression else F.col(sql_quoted(made_from.text))


def _reader(spark: SparkSession, source: str) -> DataFrame:
    return spark.read.format("delta").load(source) if is_path(source) else spark.table(table_name(source))


def _safe_path(path: str) -> str:
    if "`" in path:
        raise PreflightError(f"source path {path!r} holds a back-tick")
    return path


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
