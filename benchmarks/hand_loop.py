"""
The loop that people write by hand in Spark: `python -m benchmarks.hand_loop REMOVALS VECTORS`.

`foreachPartition` with a driver in each partition, 1,000 rows a transaction, plain lists of dictionaries. Vectors are
given. The graph is in NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING

from neo4j import GraphDatabase
from pyspark.sql import functions as F  # noqa: N812

from benchmarks.schema import HUBS, KEY, TEXT, create_schema
from benchmarks.target import Target
from delta_neo4j.cli.session import local_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import Row

_ROWS = 1_000
_NODES = f"UNWIND $rows AS row MERGE (n:RemovalEvent {{{KEY}: row.{KEY}}}) SET n += row"


class _Loop:
    """What runs in each partition; it pickles without this module's imports."""

    def __init__(self, target: Target, statement: str) -> None:
        self.address, self.login, self.statement = target.uri, (target.user, target.password), statement

    def __call__(self, rows: Iterator[Row]) -> None:
        statement = self.statement
        with GraphDatabase.driver(self.address, auth=self.login) as driver, driver.session() as session:
            while data := [row.asDict() for row in islice(rows, _ROWS)]:
                session.execute_write(lambda transaction, data=data: transaction.run(statement, rows=data).consume())


def main(removals: str, vectors: str) -> None:
    """Write all rows into the graph of the environment, and print the seconds of nodes and relationships as JSON."""
    target = Target(*(os.environ[f"NEO4J_{name}"] for name in ("URI", "USERNAME", "PASSWORD")))
    spark = local_session()
    with target.driver() as driver:
        create_schema(driver, target.database, HUBS)
    rows, given = spark.read.parquet(removals), spark.read.parquet(vectors)
    times = [time.perf_counter()]
    with_vectors = rows.join(F.broadcast(given), rows[TEXT] == given["text"]).drop("text")
    with_vectors.repartition(2).foreachPartition(_Loop(target, _NODES))
    times.append(time.perf_counter())
    for hub in HUBS:
        ends = rows.select(F.col(hub.column).alias("hub"), F.col(KEY).alias("id")).repartition(2, "hub")
        ends.foreachPartition(_Loop(target, hub.statement))
    times.append(time.perf_counter())
    spark.stop()
    parts = {"nodes_seconds": times[1] - times[0], "relationships_seconds": times[2] - times[1]}
    print(json.dumps({name: round(seconds, 2) for name, seconds in parts.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
