"""
Is this row sound? Columns that are null when it is, and the reason when it is not.

Nothing is filtered here: an unsound row is routed to the dead letters. A value that cannot be typed is a
reason, never a null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DoubleType, FloatType, StringType

from delta_neo4j.errors import PreflightError
from delta_neo4j.source import contract, raw_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql.types import StructType

    from delta_neo4j.plan import Embedding, Property, Table

SPARK_TYPES = {
    "string": "STRING",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "local_datetime": "TIMESTAMP_NTZ",
}
FAULT = "fault"
FAULT_CLASS = "fault_class"


def typed(table: Table, prop: Property) -> Column:
    """Give the property's value; null where the source is null (or, until validated, cannot be typed)."""
    return F.expr(f"try_cast({raw_column(table, prop.column)} AS {SPARK_TYPES[prop.type]})")


def end_key(table: Table, prop: Property) -> Column:
    """Give a part of an end node's key; a blank one is no key at all."""
    value = typed(table, prop)
    return F.when(~_blank(value), value)


def _blank(value: Column) -> Column:
    # By any whitespace, not only spaces.
    return F.length(F.regexp_replace(value.cast("string"), r"\s+", "")) == 0


def text(table: Table) -> Column:
    """Give the exact text to embed, null where there is none."""
    if table.embedding is None or table.embedding.text_column is None:
        return F.lit(None).cast("string")
    column = F.col(raw_column(table, table.embedding.text_column))
    return F.when(~_blank(column), column)  # what is not blank is sent as it stands


def validated(table: Table, rows: DataFrame) -> DataFrame:
    """Add `fault_class` and `fault` (both null on a sound row) to contract rows."""
    classes, reasons = [], []
    for name, broken, reason in _rules(table, rows.schema):
        classes.append(F.when(broken, F.lit(name)))
        reasons.append(F.when(broken, reason))
    return rows.withColumns({FAULT_CLASS: F.coalesce(*classes), FAULT: F.coalesce(*reasons)})


def _rules(table: Table, schema: StructType) -> Iterator[tuple[str, Column, Column]]:
    """Yield (class, condition, reason); the first that holds is the row's."""
    for prop in table.key:
        raw = F.col(raw_column(table, prop.column))
        yield "key_missing", raw.isNull(), F.lit(f"key column {prop.column!r} is null")
        blank = _blank(raw)
        yield "key_missing", blank, F.lit(f"key column {prop.column!r} is blank")
    ends = [prop for relationship in table.relationships for prop in relationship.end_key]
    for prop in (*table.key, *table.properties, *ends):
        yield "type_mismatch", _untypable(table, prop, schema), _untypable_reason(table, prop)
    embedding = table.embedding
    if embedding and embedding.text_column and embedding.blank_is_dead_letter:
        reason = F.lit(f"text column {embedding.text_column!r} is null or blank")
        yield "text_missing", text(table).isNull(), reason
    if embedding and embedding.vector_column:
        yield from _vector_rules(table, embedding)


def _untypable(table: Table, prop: Property, schema: StructType) -> Column:
    raw, value = F.col(raw_column(table, prop.column)), typed(table, prop)
    broken = raw.isNotNull() & value.isNull()
    kind = schema[raw_column(table, prop.column)].dataType
    if prop.type == "integer" and (isinstance(kind, (FloatType, DoubleType)) or kind.typeName() == "decimal"):
        # A cast would cut the fraction off without a word.
        broken = broken | (raw != value)
    return broken


def _untypable_reason(table: Table, prop: Property) -> Column:
    shown = F.substring(F.col(raw_column(table, prop.column)).cast("string"), 1, 100)
    return F.concat(F.lit(f"column {prop.column!r}: "), shown, F.lit(f" is not of type {prop.type}"))


def _vector_rules(table: Table, embedding: Embedding) -> Iterator[tuple[str, Column, Column]]:
    vector, dimension = F.col(raw_column(table, embedding.vector_column or "")), embedding.index.dimension
    name = f"vector column {embedding.vector_column!r}"
    size = F.concat(F.lit(f"{name} has "), F.size(vector).cast("string"), F.lit(f" values, not {dimension}"))
    yield "vector_dimension", vector.isNotNull() & (F.size(vector) != dimension), size
    infinite = (float("inf"), float("-inf"))
    unfit = F.exists(vector, lambda x: x.isNull() | F.isnan(x) | x.isin(*infinite))
    yield "vector_not_finite", unfit, F.lit(f"{name} holds null, NaN or infinity")
    yield "vector_zero", ~F.exists(vector, lambda x: x != 0), F.lit(f"{name} is all zeros")


def check_types(table: Table, schema: StructType, empty: DataFrame) -> None:
    """Raise `PreflightError` for a column whose type cannot become what the mapping asks; `empty` has `schema`."""
    rows = contract(table, empty)
    wanted = (*table.key, *table.properties, *(p for r in table.relationships for p in r.end_key))
    try:
        rows.select([typed(table, prop) for prop in wanted]).schema  # noqa: B018  # analysis is what raises
    except AnalysisException:
        _name_impossible(table, schema, rows, wanted)
    _check_embedding_types(table, schema)


def _name_impossible(table: Table, schema: StructType, rows: DataFrame, wanted: tuple[Property, ...]) -> None:
    for prop in wanted:
        try:
            rows.select(typed(table, prop)).schema  # noqa: B018
        except AnalysisException as error:
            raise PreflightError(_wrong_type(table, prop.column, schema, f"a property of type {prop.type}")) from error


def _check_embedding_types(table: Table, schema: StructType) -> None:
    embedding = table.embedding
    if embedding and embedding.text_column and not isinstance(schema[embedding.text_column].dataType, StringType):
        raise PreflightError(_wrong_type(table, embedding.text_column, schema, "a text"))
    if embedding and embedding.vector_column:
        kind = schema[embedding.vector_column].dataType
        if not (isinstance(kind, ArrayType) and isinstance(kind.elementType, (FloatType, DoubleType))):
            raise PreflightError(_wrong_type(table, embedding.vector_column, schema, "a vector (array<float>)"))


def _wrong_type(table: Table, column: str, schema: StructType, wanted: str) -> str:
    return (
        f"source table {table.source}: column {column!r} is {schema[column].dataType.simpleString()}, "
        f"which cannot be {wanted}; change the mapping of table {table.name}"
    )
