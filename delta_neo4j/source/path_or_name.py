"""
The address of a Delta table, a path or a table name, in the form that each Spark reader and writer takes.

Sources and state tables are opened and saved through this file only, so a path has one spelling for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping.identifiers import is_path, table_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter
    from pyspark.sql.streaming.readwriter import DataStreamReader


def sql_name(address: str) -> str:
    """Return the table as Spark SQL names it; raise `PreflightError` if a path has a back-tick, which ends a quote."""
    if not is_path(address):
        return table_name(address)
    if "`" in address:
        raise PreflightError(f"the path {address!r} has a back-tick, which Spark SQL cannot quote: use another path")
    return f"delta.`{address}`"


def open_table(reader: DataFrameReader | DataStreamReader, address: str) -> DataFrame:
    """Return the table as a frame (a stream if the reader is one), read with the options of the reader."""
    return reader.load(address) if is_path(address) else reader.table(table_name(address))


def save_table(writer: DataFrameWriter, address: str) -> None:
    """Write the writer's frame to the table, with the mode and options of the writer."""
    if is_path(address):
        writer.save(address)
    else:
        writer.saveAsTable(table_name(address))
