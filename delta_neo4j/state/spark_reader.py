"""The reader of the state tables for a command with a Spark session: for schemas, and folders without `deltalake`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.errors import AnalysisException

from delta_neo4j.source import delta
from delta_neo4j.state.reader import Extent, Size
from delta_neo4j.state.tables import State, is_absent

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class SparkReader:
    """Reads the state tables with Spark, or as `State.rows` decides; see `state.reader.Reader`."""

    spark: SparkSession
    location: str
    how: str = "Spark"

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a SELECT; none if a state table that it names does not exist."""
        return State(self.location).rows(self.spark, statement)

    def size(self, name: str) -> Size | None:
        """Return the size of a state table, None if it does not exist."""
        try:
            detail = self.spark.sql(f"DESCRIBE DETAIL {State(self.location).sql_name(name)}").collect()[0]
        except AnalysisException as error:
            if not is_absent(error):
                raise
            return None
        return Size(name, int(detail["numFiles"]), int(detail["sizeInBytes"]))

    def extent(self, source: str) -> Extent:
        """Return the newest version and the rows of a source; raise `PreflightError` if it cannot be read."""
        version = delta.describe(self.spark, source).version
        return Extent(version, delta.rows_at(self.spark, source, version))
