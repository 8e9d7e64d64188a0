"""
Expressions that fail on some rows: such a row becomes a dead letter, and the other rows load.

Spark has no function that tries any expression. But `try_to_binary` is null if its argument fails (Spark 3.5 and 4),
so an expression is computed in it once, only to learn whether it fails.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import spark_errors
from delta_neo4j.mapping import expressions
from delta_neo4j.mapping.identifiers import sql_quoted, sql_text

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from delta_neo4j.mapping.plan import Input, Table

EXPRESSION_FAILED = "expression_failed"
# The contract column for a table with expressions: null, or the texts of the expressions that fail on this row, and
# the source columns that they name.
FAILED = "failed"
_WORDS = re.compile(r"\[[A-Z][A-Z0-9_.]+\][^\n]*")
_NOT_IN_PARQUET = {"void", "interval"}


def fails(expression: Input) -> Column:
    """Return whether an expression over source columns fails on a row; never null."""
    # `length` because the text itself may be malformed. The branch that is always taken hides the expression from the
    # elimination of common subexpressions, which would compute a shared part outside, where its failure ends the task.
    # The line ends after the expression, which may end with a comment.
    computed = f"cast(length(cast(({expression.text}\n) AS STRING)) AS STRING)"
    hidden = f"CASE WHEN spark_partition_id() >= 0 THEN {computed} END"
    return F.expr(f"try_to_binary(coalesce({hidden}, ''), 'utf-8') IS NULL")


def failed(flags: dict[Input, str], rows: DataFrame) -> Column:
    """Return the column `FAILED` of source rows; `flags` has, by expression, the column with its result of `fails`."""
    named = {name for each in flags for name in expressions.names(each.text)}
    fields = [field for field in rows.schema if field.dataType.typeName() not in _NOT_IN_PARQUET]
    kept = [field.name for field in fields if field.name.lower() in named]
    texts = [F.when(F.col(flag), F.lit(each.text)) for each, flag in flags.items()]
    source = [F.col(sql_quoted(name)).alias(name) for name in kept] or [F.lit(1).alias("none")]
    found = F.filter(F.array(*texts), lambda text: text.isNotNull())
    return F.when(F.size(found) > 0, F.struct(found.alias("expressions"), F.struct(*source).alias("source")))


def reason(table: Table) -> str:
    """Return, as Spark SQL, the reason of a row whose first failing expression is in `FAILED`: what it should fill."""
    reasons = []
    for each in (each for each in table.inputs if each.source.is_expression):
        names = ", ".join(prop.name for prop in table.filled if prop.input == each) or "the text"
        reasons.append(f"WHEN {sql_text(each.text)} THEN {sql_text(f'{names}: {each} cannot be computed')}")
    return f"CASE {FAILED}.expressions[0] {' '.join(reasons)} END"


def with_words(rows: DataFrame, fault: str) -> DataFrame:
    """
    Return unsound rows whose reason in column `fault` has Spark's words for one row of each failing expression.

    One Spark job finds the expressions, and one more for each of them its words.
    """
    failing = rows.where(F.col(FAILED).isNotNull()).select(F.col(FAILED)["expressions"][0].alias("text"), FAILED)
    reasons = F.col(fault)
    for found in failing.select("text").distinct().collect():
        one = failing.where(F.col("text") == found["text"]).limit(1).select(f"{FAILED}.source.*")
        if said := _said(one, found["text"]):
            here = F.col(FAILED)["expressions"][0] == found["text"]
            reasons = F.when(here, F.concat(fault, F.lit(f"; Spark says of one such row: {said}"))).otherwise(reasons)
    return rows.withColumn(fault, reasons)


def _said(row: DataFrame, expression: str) -> str:
    try:
        row.select(F.expr(expression)).collect()
    except spark_errors() as error:
        words = _WORDS.search(str(error))
        return words[0] if words else ""
    return ""
