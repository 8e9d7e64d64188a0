"""What the first rows of a table look like, in one query; whether columns could be its key, in a second one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DoubleType, FloatType, IntegralType, StringType

from delta_neo4j.identifiers import sql_quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql.types import DataType

ROWS = 10_000
KEY_CANDIDATES = 3  # columns whose values are counted over the whole table

# Forms of text that are surely of a type: no leading zeros, no half of a date. Tried in this order.
FORMS: dict[str, str] = {
    "boolean": r"(?i)^(true|false)$",
    "integer": r"^(0|-?[1-9][0-9]{0,17})$",
    "float": r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "local_datetime": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$",
    "datetime": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})$",
}
_CASTS = {"date": "DATE", "local_datetime": "TIMESTAMP_NTZ", "datetime": "TIMESTAMP"}


@dataclass(frozen=True)
class ColumnSample:
    """What the sampled values of a column are; figures of text are zero for other types."""

    kind: DataType
    values: int  # not null
    distinct: int
    looks_like: str | None = None  # the type that every text looks like
    length: float = 0.0  # of a text, on average
    words: float = 0.0  # its parts between spaces, on average
    size: int = 0  # of every list of numbers, when all have the same
    examples: tuple[str, ...] = ()  # of a relationship's type


@dataclass(frozen=True)
class Sample:
    """The first rows of a table, column by column."""

    rows: int
    columns: Mapping[str, ColumnSample]

    def unique(self, name: str) -> bool:
        """Tell whether a column could be the key, as far as the sample goes."""
        column = self.columns[name]
        return self.rows > 0 and column.values == column.distinct == self.rows


def taken(table: DataFrame) -> Sample:
    """Look at the first rows."""
    fields = {field.name: field.dataType for field in table.schema}
    first = table.select([F.col(sql_quoted(name)).alias(f"c{i}") for i, name in enumerate(fields)]).limit(ROWS)
    figures = [F.count(F.lit(1)).alias("rows")]
    for i, (name, kind) in enumerate(fields.items()):
        figures += [figure.alias(f"c{i}_{what}") for what, figure in _figures(f"c{i}", name, kind).items()]
    row = first.agg(*figures).collect()[0].asDict()
    columns = {name: _read(row, f"c{i}", kind) for i, (name, kind) in enumerate(fields.items())}
    return Sample(row["rows"], columns)


def repeated(table: DataFrame, columns: list[str]) -> dict[str, int]:
    """Count for each column how many rows have no value of their own, over the whole table."""
    distinct = [F.count_distinct(F.col(sql_quoted(name))).alias(f"c{i}") for i, name in enumerate(columns)]
    row = table.agg(F.count(F.lit(1)).alias("rows"), *distinct).collect()[0]
    return {name: row["rows"] - row[f"c{i}"] for i, name in enumerate(columns)}


def _figures(column: str, name: str, kind: DataType) -> dict[str, Column]:
    value = F.col(column)
    figures = {"values": F.count(value)}
    if isinstance(kind, (StringType, IntegralType)):
        figures["distinct"] = F.count_distinct(value)
    if isinstance(kind, StringType):
        figures["length"] = F.avg(F.length(value))
        figures["words"] = F.avg(F.size(F.split(F.trim(value), r"\s+")))
        for form, pattern in FORMS.items():
            figures[form] = F.count(F.when(_is_form(column, form, pattern), 1))
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, (FloatType, DoubleType)):
        size = F.when(value.isNotNull(), F.size(value))
        figures["least"], figures["most"] = F.min(size), F.max(size)
    if name.endswith(":TYPE"):
        figures["examples"] = F.sort_array(F.collect_set(value))
    return figures


def _is_form(column: str, form: str, pattern: str) -> Column:
    # A text may have the form of a date and be none: the 31st of February.
    fits = F.col(column).rlike(pattern)
    return fits & F.expr(f"try_cast({column} AS {_CASTS[form]})").isNotNull() if form in _CASTS else fits


def _read(row: dict[str, Any], column: str, kind: DataType) -> ColumnSample:
    figures = {name.removeprefix(f"{column}_"): value for name, value in row.items() if name.startswith(f"{column}_")}
    values = figures["values"]
    looks_like = next((form for form in FORMS if values and figures.get(form) == values), None)
    return ColumnSample(
        kind,
        values,
        figures.get("distinct", 0),
        looks_like,
        figures.get("length") or 0.0,
        figures.get("words") or 0.0,
        (figures.get("least") or 0) if figures.get("least") == figures.get("most") else 0,
        tuple(figures.get("examples", ())),
    )
