"""
The Neo4j Spark connector, as its documentation advises: `python -m benchmarks.connector REMOVALS VECTORS JAR BATCH`.

Runs with PySpark 3.5 (`make test-lts` installs it in `.venv-lts`); the graph is in NEO4J_URI, NEO4J_USERNAME and
NEO4J_PASSWORD. Constraints and indexes are made first, vectors are given, the nodes are written by their key, then each
relationship by the keys of its ends, partitioned by the hub so that two tasks do not wait for one node.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from benchmarks.schema import HUBS, KEY, TEXT, create_schema
from benchmarks.target import Target

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.readwriter import DataFrameWriter

_TASKS = 2


def _writer(frame: DataFrame, target: Target, batch: int) -> DataFrameWriter:
    writer = frame.write.format("org.neo4j.spark.DataSource").mode("Overwrite")
    login = {"username": target.user, "password": target.password}
    for name, value in login.items():
        writer = writer.option(f"authentication.basic.{name}", value)
    return writer.option("url", target.uri).option("batch.size", str(batch)).option("transaction.retries", "10")


def _nodes(rows: DataFrame, vectors: DataFrame, target: Target, batch: int) -> None:
    with_vectors = rows.join(F.broadcast(vectors), rows[TEXT] == vectors["text"]).drop("text")
    writer = _writer(with_vectors.repartition(_TASKS), target, batch)
    writer.option("labels", ":RemovalEvent").option("node.keys", KEY).save()


def _relationships(rows: DataFrame, target: Target, batch: int) -> None:
    for hub in HUBS:
        ends = rows.select(hub.column, KEY).repartition(_TASKS, hub.column)
        writer = _writer(ends, target, batch).option("relationship", hub.relationship)
        of_relationship = {
            "save.strategy": "keys",
            "source.labels": f":{hub.label}", "source.save.mode": "Overwrite", "source.node.keys": hub.column,
            "target.labels": ":RemovalEvent", "target.save.mode": "Match", "target.node.keys": KEY,
        }  # fmt: skip
        for name, value in of_relationship.items():
            writer = writer.option(f"relationship.{name}", value)
        writer.save()


def main(removals: str, vectors: str, jar: str, batch: str) -> None:
    """Write all rows into the graph of the environment, and print the seconds of nodes and relationships as JSON."""
    target = Target(*(os.environ[f"NEO4J_{name}"] for name in ("URI", "USERNAME", "PASSWORD")))
    settings = {
        "spark.driver.extraClassPath": jar, "spark.driver.memory": "2g", "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
    }  # fmt: skip
    builder = SparkSession.builder.master(f"local[{_TASKS}]").appName("connector")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    with target.driver() as driver:
        create_schema(driver, target.database, HUBS)
    rows = spark.read.parquet(removals)
    times = [time.perf_counter()]
    _nodes(rows, spark.read.parquet(vectors), target, int(batch))
    times.append(time.perf_counter())
    _relationships(rows, target, int(batch))
    times.append(time.perf_counter())
    spark.stop()
    parts = {"nodes_seconds": times[1] - times[0], "relationships_seconds": times[2] - times[1]}
    print(json.dumps({name: round(seconds, 2) for name, seconds in parts.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
