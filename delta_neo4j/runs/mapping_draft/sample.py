"""Describe the first rows of a table column by column, in one query; count a key's repeated values in a second one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DoubleType, FloatType, IntegralType, StringType

from delta_neo4j.mapping.identifiers import sql_quoted
from delta_neo4j.mapping.types import BY_NAME
from delta_neo4j.source.casts import loses
from delta_neo4j.source.values import is_blank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql.types import DataType

ROWS = 10_000
KEY_CANDIDATES = 3  # columns whose values are counted over the whole table
NULL_WORDS = ("NA", "N/A", "n/a", "-", "null", "NULL", "None", "NaN", "?")  # what exports write for "no value"
# Patterns of texts that are surely values of a type: no leading zeros, no partial dates. Tried in this order.
FORMS: dict[str, str] = {
    "boolean": r"(?i)^(true|false)$",
    "integer": r"^(0|-?[1-9][0-9]{0,17})$",
    "float": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "local_datetime": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$",
    "datetime": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})$",
}


@dataclass(frozen=True)
class ColumnSample:
    """The sampled values of a column; figures of text are zero for other types."""

    kind: DataType
    values: int  # not null
    distinct: int  # blank texts left out
    looks_like: str | None = None  # the type whose pattern every text matches, blank ones and null words left out
    blank: int = 0  # texts of white space alone
    null_words: tuple[str, ...] = ()  # those of `NULL_WORDS` that the column has
    length: float = 0.0  # characters of a text, on average
    words: float = 0.0  # parts between spaces, on average
    size: int = 0  # length of the lists of numbers, if all lists have the same length
    examples: tuple[str, ...] = ()  # distinct values of a `:TYPE` or `:LABEL` column


@dataclass(frozen=True)
class Sample:
    """The number of sampled rows, and a description of each column."""

    rows: int
    columns: Mapping[str, ColumnSample]

    def unique(self, name: str) -> bool:
        """Return whether every sampled row has a value of its own in this column."""
        column = self.columns[name]
        return self.rows > 0 and column.values == column.distinct == self.rows


def taken(table: DataFrame) -> Sample:
    """Return the sample of a table's first `ROWS` rows."""
    fields = {field.name: field.dataType for field in table.schema}
    first = table.select([F.col(sql_quoted(name)).alias(f"c{i}") for i, name in enumerate(fields)]).limit(ROWS)
    figures = [F.count(F.lit(1)).alias("rows")]
    for i, (name, kind) in enumerate(fields.items()):
        figures += [figure.alias(f"c{i}_{what}") for what, figure in _figures(f"c{i}", name, kind).items()]
    row = first.agg(*figures).collect()[0].asDict()
    columns = {name: _read(row, f"c{i}", kind) for i, (name, kind) in enumerate(fields.items())}
    return Sample(row["rows"], columns)


def repeated(table: DataFrame, columns: list[str]) -> dict[str, int]:
    """Return, by column, how many rows of the whole table have a null, a blank, or another row's value."""
    distinct = [F.count_distinct(_filled(F.col(sql_quoted(name)))).alias(f"c{i}") for i, name in enumerate(columns)]
    row = table.agg(F.count(F.lit(1)).alias("rows"), *distinct).collect()[0]
    return {name: row["rows"] - row[f"c{i}"] for i, name in enumerate(columns)}


def _figures(column: str, name: str, kind: DataType) -> dict[str, Column]:
    value = F.col(column)
    figures = {"values": F.count(value)}
    if isinstance(kind, (StringType, IntegralType)):
        figures["distinct"] = F.count_distinct(_filled(value))
    if isinstance(kind, StringType):
        figures["length"] = F.avg(F.length(value))
        figures["words"] = F.avg(F.size(F.split(F.trim(value), r"\s+")))
        word = F.when(F.trim(value).isin(*NULL_WORDS), F.trim(value))
        figures["blank"], figures["without"] = F.count(F.when(is_blank(value), 1)), F.count(word)
        figures["nulls"] = F.sort_array(F.collect_set(word))
        for form, pattern in FORMS.items():
            figures[form] = F.count(F.when(_is_form(column, form, pattern), 1))
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, (FloatType, DoubleType)):
        size = F.when(value.isNotNull(), F.size(value))
        figures["least"], figures["most"] = F.min(size), F.max(size)
    if name.endswith((":TYPE", ":LABEL")):
        figures["examples"] = F.sort_array(F.collect_set(value))
    return figures


def _is_form(column: str, form: str, pattern: str) -> Column:
    # A text may match the pattern of a date without being a date: the 31st of February.
    return F.col(column).rlike(pattern) & ~F.expr(loses(StringType(), BY_NAME[form].sql, column))


def _filled(value: Column) -> Column:
    """Return the value; null if it is blank, as a key must not be."""
    return F.when(~is_blank(value), value)


def _read(row: dict[str, Any], column: str, kind: DataType) -> ColumnSample:
    figures = {name.removeprefix(f"{column}_"): value for name, value in row.items() if name.startswith(f"{column}_")}
    values, blank = figures["values"], figures.get("blank", 0)
    telling = values - blank - figures.get("without", 0)
    looks_like = next((form for form in FORMS if telling > 0 and figures.get(form) == telling), None)
    return ColumnSample(
        kind,
        values,
        figures.get("distinct", 0),
        looks_like,
        blank,
        tuple(figures.get("nulls", ())),
        figures.get("length") or 0.0,
        figures.get("words") or 0.0,
        (figures.get("least") or 0) if figures.get("least") == figures.get("most") else 0,
        tuple(figures.get("examples", ())),
    )
