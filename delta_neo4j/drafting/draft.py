"""From a Delta table to the text of a mapping file, in three looks: its columns, its first rows, its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j import source
from delta_neo4j.drafting import names, sample, text
from delta_neo4j.drafting.decide import decide
from delta_neo4j.identifiers import schema_name

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def draft(spark: SparkSession, table: str, label: str = "") -> str:
    """Draft a mapping of one table; a `label` says that its rows are nodes. Raises `PreflightError` without it."""
    if label:
        schema_name(label)
    found = source.describe(spark, table)
    rows = source.at(spark, table, found.version)
    looked = sample.taken(rows)
    name = names.table_of(table)
    decided = decide(name, looked, lambda columns: sample.repeated(rows, columns), label)
    return text.text(name, table, looked.rows, decided)
