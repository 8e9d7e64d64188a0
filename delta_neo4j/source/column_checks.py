"""Checks that a source has the columns that the mapping names, and that the mapping's expressions work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812  # the name that Spark users know

from delta_neo4j.errors import PreflightError, first_line
from delta_neo4j.mapping import expressions
from delta_neo4j.mapping.identifiers import sql_quoted
from delta_neo4j.source import failing_expressions

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Input, Table


def check_columns(table: Table, empty: DataFrame) -> None:
    """
    Raise `PreflightError` for columns that the source lacks, or for an expression that does not work on it.

    `empty` is a frame without rows that has the source's columns.
    """
    names = empty.columns
    named = [each.source.text for each in table.inputs if not each.source.is_expression]
    missing = [name for name in named if name not in names]
    if missing:
        raise PreflightError(
            f"source table {table.source} has no column {', '.join(map(repr, missing))}, which table {table.name} of "
            f"the mapping names; correct the mapping, the columns are {', '.join(map(repr, names))}"
        )
    for each in table.inputs:
        if each.is_expression:
            _check_expression(table, each, empty)


def _check_expression(table: Table, expression: Input, empty: DataFrame) -> None:
    for name in expressions.hidden_functions(expression.text, empty.columns):
        raise PreflightError(
            f"table {table.name} of the mapping: {expression} names {name!r}, but source table {table.source} has no "
            "such column; Spark would call the function of that name, whose value can change at each read: "
            "name a column of the source"
        )
    try:
        # With a column beside it, Spark refuses an aggregate, which would make one row of many.
        beside = F.col(sql_quoted(empty.columns[0])).alias("beside")
        value = F.expr(f"({expression.text}\n)")  # in parentheses: one value, without a name of its own
        empty.select(value, failing_expressions.fails(expression), beside).schema  # noqa: B018  # makes Spark check
    except (AnalysisException, ParseException) as error:
        raise PreflightError(
            f"table {table.name} of the mapping: {expression} does not work on source table {table.source}: "
            f"{first_line(error)}; correct the expression"
        ) from error
