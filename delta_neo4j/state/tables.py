"""
The state tables: Delta tables at the state location, which is a folder or a Unity Catalog schema.

They are read and written with plain Spark calls, which classic compute, Connect and serverless all have. Where this
process sees the folder, `deltalake` reads and writes what is small.
"""

from __future__ import annotations

import datetime as dt
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenacity
from pyspark.errors import AnalysisException

from delta_neo4j.errors import spark_errors
from delta_neo4j.mapping.identifiers import is_path
from delta_neo4j.source.local_folder import UnreadableError, is_seen, look
from delta_neo4j.source.path_or_name import open_table, save_table, sql_name
from delta_neo4j.state import folder_writer
from delta_neo4j.state.reader import FolderReader, named_tables
from delta_neo4j.state.schemas import PARTITIONED_BY, SCHEMAS, nulls

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pyspark.sql import DataFrame, DataFrameWriter, SparkSession


@dataclass(frozen=True)
class State:
    """The state tables at `location`: an absolute path, or `catalog.schema`."""

    location: str

    def read(self, spark: SparkSession, name: str, version: int | None = None) -> DataFrame:
        """Return the newest rows of a table, or its rows at a version; no rows if the table does not exist yet."""
        frame = self._opened(spark, name, version)
        if frame is None:  # unlike a frame made from an empty list, Spark reads this one without a job
            return spark.sql(f"SELECT {', '.join(nulls(name))} WHERE false")
        return frame

    def rows(self, spark: SparkSession, statement: str) -> list[dict[str, Any]]:
        """Return the rows of a SELECT to the driver; see `state.reader.Reader.rows`."""
        if is_seen(spark, self.location):
            with suppress(UnreadableError):  # Spark may read it
                return FolderReader(self.location).rows(statement)
        views = {name: f"dn_{name}_{uuid.uuid4().hex}" for name in named_tables(statement)}
        try:
            for name, view in views.items():
                frame = self._opened(spark, name)
                if frame is None:
                    return []
                frame.createTempView(view)
            found = spark.sql(statement.format(**views)).collect()
        finally:
            for view in views.values():
                spark.catalog.dropTempView(view)
        return [{name: _aware(value) for name, value in row.asDict().items()} for row in found]

    def _opened(self, spark: SparkSession, name: str, version: int | None = None) -> DataFrame | None:
        """Return a table with all its columns, null where an earlier release had none; None if it does not exist."""
        reader = spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", str(version))
        try:
            frame = open_table(reader, self._address(name))
            frame.schema  # noqa: B018  # makes Spark look for the table now, inside this `try`
        except AnalysisException as error:
            if not is_absent(error):
                raise
            return None
        lacking = nulls(name, frame.columns)
        return frame.selectExpr("*", *lacking) if lacking else frame

    def prove_writable(self, spark: SparkSession) -> None:
        """
        Raise Spark's error if the tables of a schema may not be created or written; a folder is not checked.

        In a new state this creates the empty table `runs`. From an existing table it deletes no row, so Delta makes no
        commit.
        """
        if self._is_folder:
            return
        runs = self.sql_name("runs")
        if self.version(spark, "runs") is None:
            spark.sql(f"CREATE TABLE IF NOT EXISTS {runs} ({SCHEMAS['runs']}) USING DELTA").collect()
        else:
            spark.sql(f"DELETE FROM {runs} WHERE false").collect()

    def version(self, spark: SparkSession, name: str) -> int | None:
        """Return a table's newest version, None if the table does not exist yet."""
        if is_seen(spark, self.location):
            with suppress(UnreadableError):  # Spark may read it
                found = look(self._address(name))
                return None if found is None else found.version
        try:
            history = spark.sql(f"DESCRIBE HISTORY {self.sql_name(name)} LIMIT 1")
            return int(history.collect()[0]["version"])
        except AnalysisException as error:
            if not is_absent(error):
                raise
            return None

    def append(self, frame: DataFrame, name: str, once: tuple[str, int] | None = None) -> None:
        """
        Append rows to a table. With `once` = (application, version) Delta ignores a second append of the same pair.

        Never pass `once` for embeddings: Delta ignores the second append even if it holds other rows, and the texts
        that a replay still lacks would be lost.
        """
        # A state that an earlier release created lacks the newest columns.
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
        if name in PARTITIONED_BY:
            writer = writer.partitionBy(*PARTITIONED_BY[name])
        writer = _once(writer, once) if once else writer
        for attempt in _retrying_creation():
            with attempt:
                save_table(writer, self._address(name))

    def replace(self, frame: DataFrame, name: str, where: str, once: tuple[str, int]) -> None:
        """
        Replace the rows for which `where` holds, a condition on partition columns, in one commit.

        `once` is as in `append`.
        """
        writer = frame.write.format("delta").mode("overwrite").option("replaceWhere", where)
        save_table(_once(writer, once), self._address(name))

    def optimize(self, spark: SparkSession, name: str) -> bool:
        """Merge a table's small files; return whether the table exists."""
        exists = self.version(spark, name) is not None
        if exists:
            spark.sql(f"OPTIMIZE {self.sql_name(name)}").collect()
        return exists

    def append_rows(
        self, spark: SparkSession, name: str, rows: Sequence[tuple[Any, ...]], once: tuple[str, int] | None = None
    ) -> None:
        """Append a few rows that the driver holds, as one file; `once` is as in `append`. Moments must be aware."""
        if is_seen(spark, self.location) and folder_writer.append(self._address(name), name, rows, once):
            return
        self.append(spark.createDataFrame(list(rows), SCHEMAS[name]).coalesce(1), name, once)

    def sql_name(self, name: str) -> str:
        """Return a table as Spark SQL names it."""
        return sql_name(self._address(name))

    @property
    def _is_folder(self) -> bool:
        return is_path(self.location)

    def _address(self, name: str) -> str:
        return f"{self.location.rstrip('/')}/{name}" if self._is_folder else f"{self.location}.{name}"


def _aware(value: Any) -> Any:
    # Spark returns moments in the time zone of this process, without saying so.
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value


def _once(writer: DataFrameWriter, once: tuple[str, int]) -> DataFrameWriter:
    return writer.option("txnAppId", once[0]).option("txnVersion", str(once[1]))


# Two runs that create one table at the same time: Delta refuses the second, whose rows then go into the table.
_CREATED_MEANWHILE = (
    "DELTA_PROTOCOL_CHANGED", "DELTA_METADATA_CHANGED", "DELTA_CONCURRENT_", "ProtocolChangedException",
    "MetadataChangedException", "ConcurrentWriteException", "FileAlreadyExistsException", "FileNotFoundException",
)  # fmt: skip


def _is_race(error: BaseException) -> bool:
    return isinstance(error, spark_errors()) and any(name in str(error) for name in _CREATED_MEANWHILE)


def _retrying_creation() -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_race),
        stop=tenacity.stop_after_attempt(6),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=3),
        reraise=True,
    )


_ABSENT = ("PATH_NOT_FOUND", "TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE")


def is_absent(error: AnalysisException) -> bool:
    """Return whether Spark's error says that the table does not exist."""
    # Every Spark version has the condition in the text; the method that returns it was renamed in Spark 4.
    text = str(error)
    return any(f"[{condition}" in text for condition in _ABSENT) or "is not a Delta table" in text
