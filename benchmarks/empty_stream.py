"""
The least that any Spark process needs for a Delta table: `python -m benchmarks.empty_stream TABLE CHECKPOINT`.

It starts Spark as the job does, reads the table as a stream in one micro-batch and counts its rows. It writes nothing
into a graph. Whoever writes from Spark needs this time and the time of the writing.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from delta_neo4j.cli.session import local_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def main(table: str, checkpoint: str) -> None:
    """Count the rows of the table, and print the seconds of the start and of the stream as JSON."""
    times, counted = [time.perf_counter()], []

    def count(rows: DataFrame, _: int) -> None:
        counted.append(rows.count())

    spark = local_session()
    times.append(time.perf_counter())
    stream = spark.readStream.format("delta").load(table).writeStream.foreachBatch(count)
    stream.trigger(availableNow=True).option("checkpointLocation", checkpoint).start().awaitTermination()
    times.append(time.perf_counter())
    spark.stop()
    parts = {"start_seconds": times[1] - times[0], "stream_seconds": times[2] - times[1], "rows": sum(counted)}
    print(json.dumps({name: round(figure, 2) for name, figure in parts.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
