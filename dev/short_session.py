"""A short Spark session, `python -m dev.short_session FOLDER`: the archive holds the classes that it loads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from delta_neo4j.cli.session import local_session

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

    import pyarrow as pa
    from pyspark.sql import DataFrame


def main(folder: str) -> None:
    """Write, append to, merge into, count and stream a small Delta table in `folder`, and wait for the JVM's end."""
    spark = local_session()
    table, copy = f"{folder}/table", f"{folder}/copy"
    rows = spark.range(100).selectExpr("id", "sha2(CAST(id AS STRING), 256) AS text", "current_timestamp() AS at")
    rows.write.format("delta").save(table)
    rows.limit(10).write.format("delta").mode("append").save(table)
    rows.createOrReplaceTempView("rows")
    spark.sql(f"MERGE INTO delta.`{table}` AS t USING rows AS r ON t.id = r.id WHEN MATCHED AND r.id < 0 THEN DELETE")
    spark.sql(f"DESCRIBE DETAIL delta.`{table}`").collect()
    spark.sql(f"DESCRIBE HISTORY delta.`{table}`").collect()
    spark.read.format("delta").load(table).groupBy("text").count().orderBy("count").collect()
    stream = spark.readStream.format("delta").load(table).writeStream.option("checkpointLocation", f"{folder}/c")
    stream.foreachBatch(lambda batch, _: _batch(batch, copy)).trigger(availableNow=True).start().awaitTermination()
    jvm: subprocess.Popen[bytes] = spark.sparkContext._gateway.proc  # type: ignore[union-attr]  # noqa: SLF001
    spark.stop()
    jvm.communicate()  # closes its input: the JVM ends, and writes the archive


def _batch(batch: DataFrame, table: str) -> None:
    def same(arrow: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        return arrow

    batch.persist()
    batch.mapInArrow(same, batch.schema).write.format("delta").mode("append").save(table)
    batch.unpersist()


if __name__ == "__main__":
    main(*sys.argv[1:])
