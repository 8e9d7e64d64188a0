"""
Contract rows: the mapped columns and expressions of a source under safe names (`c0`, `c1`, …, as `Table.inputs`).

Columns are selected and renamed, and expressions are computed, before the stream starts: a column that a stream selects
is read from every file, even if `foreachBatch` drops it. With safe names no later expression has to quote a column like
`:ID(RemovalEvent)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812  # the name that Spark users know

from delta_neo4j.mapping.identifiers import sql_quoted
from delta_neo4j.mapping.plan import TEXT_HASH
from delta_neo4j.source import failing_expressions

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Input, Table


def raw_column(table: Table, made_from: Input) -> str:
    """Return the contract column (`c0`, `c1`, …, or `text_hash`) that holds this input."""
    return "text_hash" if made_from == TEXT_HASH else f"c{table.inputs.index(made_from)}"


def placed(table: Table, rows: DataFrame) -> DataFrame:
    """Return contract rows with `place`, the time and path of each row's file, which sorts as a stream reads files."""
    time = F.date_format("_metadata.file_modification_time", "yyyyMMddHHmmssSSS")
    return contract(table, rows, place=F.concat_ws(" ", time, F.col("_metadata.file_path")))


def contract(table: Table, rows: DataFrame, **more: Column) -> DataFrame:
    """
    Return source rows as contract rows, with `more` columns by name.

    A table with expressions has the column `failing_expressions.FAILED` too.
    """
    names = [raw_column(table, each) for each in table.inputs]
    # Hidden names until the end: beside the source's own columns, which may have any other name.
    beside = [column.alias(f"_dn_{name}") for name, column in more.items()]
    kept = [F.col(f"_dn_{name}").alias(name) for name in more]
    computed = [each for each in table.inputs if each.source.is_expression]
    flags = {each: f"_dn_fails_{number}" for number, each in enumerate(computed)}
    tried = rows.select("*", *beside, *(failing_expressions.fails(each).alias(flag) for each, flag in flags.items()))
    values = [
        (F.when(~F.col(flags[each]), value_of(each)) if each in flags else value_of(each)).alias(name)
        for each, name in zip(table.inputs, names, strict=True)
    ]
    failed = [failing_expressions.failed(flags, rows).alias(failing_expressions.FAILED)] if computed else []
    return tried.select(*values, *failed, *kept)


def value_of(made_from: Input) -> Column:
    """Return the source column, or the expression over source columns, of an input."""
    return F.expr(made_from.text) if made_from.is_expression else F.col(sql_quoted(made_from.text))
