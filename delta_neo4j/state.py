"""
What outlives a run: Delta tables at the state location, a folder or a Unity Catalog schema.

Tables are plain Delta appends through Spark, so they work on classic compute, Connect and serverless alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from delta_neo4j.identifiers import table_name
from delta_neo4j.source import is_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

# One table a line: name, columns as Spark SQL types.
SCHEMAS = {
    "embeddings": "model_id STRING, part STRING, text_hash BINARY, embedding BINARY, tokens INT",
    "models": "model_id STRING, name STRING, dimension INT, probes STRING, minted_at TIMESTAMP",
    "ledger": (
        "load_id STRING, batch_id BIGINT, attempt STRING, run_id STRING, table_name STRING, source_mode STRING, "
        "rows_read BIGINT, outcomes STRING, without_text BIGINT, truncated BIGINT, relationships STRING, "
        "embedding STRING, writer STRING, seconds STRING, recorded_at TIMESTAMP"
    ),
    "dead_letters": (
        "load_id STRING, batch_id BIGINT, attempt STRING, table_name STRING, row_key STRING, stage STRING, "
        "reason_class STRING, reason STRING, row STRING, recorded_at TIMESTAMP"
    ),
    "mappings": (
        "table_name STRING, table_id STRING, source_mode STRING, digest STRING, writes STRING, columns STRING, "
        "database_id STRING, recorded_at TIMESTAMP"
    ),
    "runs": "run_id STRING, status STRING, summary STRING, settings STRING, started_at TIMESTAMP, ended_at TIMESTAMP",
}
PARTITIONED_BY = {"embeddings": ("model_id", "part")}


@dataclass(frozen=True)
class State:
    """The state tables at `location`: a folder (has a slash or a leading dot), or `catalog.schema`."""

    location: str

    def read(self, spark: SparkSession, name: str, version: int | None = None) -> DataFrame:
        """Give the table as it is, or as it was at a version; empty when nothing was ever appended to it."""
        reader = spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", str(version))
        try:
            frame = reader.load(self._path(name)) if self._is_folder else reader.table(self._table(name))
            frame.schema  # noqa: B018  # resolves now, so that a table not yet there is found out here
        except AnalysisException as error:
            if not _is_absent(error):
                raise
            return spark.createDataFrame([], SCHEMAS[name])
        return frame

    def prove_writable(self, spark: SparkSession) -> None:
        """
        Let Spark raise where the tables of a schema may not be made or written; a folder tells at its first write.

        Of a fresh state the empty table `runs` stays; one that is there is written without a row, so without a
        commit.
        """
        if self._is_folder:
            return
        if self.version(spark, "runs") is None:
            spark.sql(f"CREATE TABLE IF NOT EXISTS {self._table('runs')} ({SCHEMAS['runs']}) USING DELTA").collect()
        else:
            spark.sql(f"DELETE FROM {self._table('runs')} WHERE false").collect()

    def version(self, spark: SparkSession, name: str) -> int | None:
        """Give the table's newest version, or None when nothing was ever appended to it."""
        table = f"delta.`{self._path(name)}`" if self._is_folder else self._table(name)
        try:
            return int(spark.sql(f"DESCRIBE HISTORY {table} LIMIT 1").collect()[0]["version"])
        except AnalysisException as error:
            if not _is_absent(error):
                raise
            return None

    def append(self, frame: DataFrame, name: str, once: tuple[str, int] | None = None) -> None:
        """
        Append rows. `once` = (application, version) makes Delta drop a repetition of the same append.

        Never give `once` for embeddings: Delta drops a known version whatever it holds, and a replay's missing
        texts would vanish.
        """
        # States of before lack the youngest columns.
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
        if name in PARTITIONED_BY:
            writer = writer.partitionBy(*PARTITIONED_BY[name])
        if once is not None:
            writer = writer.option("txnAppId", once[0]).option("txnVersion", str(once[1]))
        if self._is_folder:
            writer.save(self._path(name))
        else:
            writer.saveAsTable(self._table(name))

    def replace(self, frame: DataFrame, name: str, where: str, once: tuple[str, int]) -> None:
        """Put rows in the place of those that a predicate over partition columns names, in one commit; as `append`."""
        writer = frame.write.format("delta").mode("overwrite").option("replaceWhere", where)
        writer = writer.option("txnAppId", once[0]).option("txnVersion", str(once[1]))
        if self._is_folder:
            writer.save(self._path(name))
        else:
            writer.saveAsTable(self._table(name))

    def optimize(self, spark: SparkSession, name: str) -> None:
        """Merge a table's small files; nothing where there is no such table."""
        if self.version(spark, name) is not None:
            spark.sql(f"OPTIMIZE {f'delta.`{self._path(name)}`' if self._is_folder else self._table(name)}").collect()

    def append_rows(
        self, spark: SparkSession, name: str, rows: Sequence[tuple[Any, ...]], once: tuple[str, int] | None = None
    ) -> None:
        """Append a few rows that the driver holds, as one file."""
        self.append(spark.createDataFrame(list(rows), SCHEMAS[name]).coalesce(1), name, once)

    @property
    def _is_folder(self) -> bool:
        return is_path(self.location) or self.location.startswith(".")

    def _path(self, name: str) -> str:
        return f"{self.location.rstrip('/')}/{name}"

    def _table(self, name: str) -> str:
        return table_name(f"{self.location}.{name}")


_ABSENT = ("PATH_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE")


def _is_absent(error: AnalysisException) -> bool:
    # The condition stands in the text on every Spark version; the method that gives it was renamed.
    text = str(error)
    return any(f"[{condition}" in text for condition in _ABSENT) or "is not a Delta table" in text
