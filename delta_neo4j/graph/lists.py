"""Lists that Spark tasks read from the graph and write in Parquet; if tasks have no network, the driver does."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import GraphUnavailableError, recovered, spark_errors
from delta_neo4j.graph.passes.listing import ROWS
from delta_neo4j.graph.passes.runner import on_driver

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from delta_neo4j.graph.passes.listing import Listing
    from delta_neo4j.graph.passes.lost_edges import LostEdgesPass
    from delta_neo4j.graph.passes.runner import PassRunner


def to_parquet(runner: PassRunner, rows: DataFrame, work: Listing | LostEdgesPass, path: str) -> DataFrame:
    """List in Parquet at `path` what `work` finds for the rows; return it as a frame of texts."""
    spark, schema = rows.sparkSession, ", ".join(f"{name} STRING" for name in work.columns)
    if not (runner.from_tasks and _by_task(rows, work, schema, path)):
        spark.createDataFrame([], schema).write.mode("overwrite").parquet(path)
        found = on_driver(rows, work)
        while part := [tuple(row.values()) for row in islice(found, ROWS)]:
            spark.createDataFrame(part, schema).write.mode("append").parquet(path)
    return spark.read.schema(schema).parquet(path)


def _by_task(rows: DataFrame, listing: Callable[..., Any], schema: str, path: str) -> bool:
    """Let tasks write the list; return false if they cannot connect to Neo4j."""
    try:
        rows.mapInArrow(listing, schema).write.mode("overwrite").parquet(path)
    except spark_errors() as error:
        if not isinstance(recovered(str(error)), GraphUnavailableError):
            raise
        return False
    return True
