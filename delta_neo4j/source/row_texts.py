"""A row as texts: its key and its mapped columns as JSON, as dead letters have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source.contract import raw_column
from delta_neo4j.source.values import JSON_OPTIONS

if TYPE_CHECKING:
    from pyspark.sql import Column

    from delta_neo4j.mapping.plan import Table


def row_key(table: Table) -> Column:
    """Return the key of a contract row: a JSON array of the raw values as texts."""
    return F.to_json(F.array(*[F.col(raw_column(table, p.input)).cast("string") for p in table.key]))


def row_json(table: Table) -> Column:
    """Return the mapped columns of a contract row as a JSON object, by the names of the source."""
    values = [F.col(raw_column(table, each)).alias(each.source.text) for each in table.inputs]
    return F.to_json(F.struct(*values), JSON_OPTIONS)
