"""`mapping init`: draft a mapping file from a Delta table's columns, its first rows, and counts of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import schema_name
from delta_neo4j.runs.mapping_draft import names, sample, text
from delta_neo4j.runs.mapping_draft.decide import decide
from delta_neo4j.source import delta

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def draft(spark: SparkSession, table: str, label: str = "", shown: str = "") -> str:
    """
    Return the text of a mapping file for one Delta table; with a `label` its rows are nodes of this label.

    `shown` is the table as the user spelled it, which the file keeps (default `table`).
    """
    if label:
        schema_name(label)
    rows = delta.at(spark, table, delta.describe(spark, table).version)
    first_rows = sample.taken(rows)
    name = names.table_of(table)
    decided = decide(name, first_rows, lambda columns: sample.repeated(rows, columns), label)
    return text.text(name, shown or table, first_rows.rows, decided)
