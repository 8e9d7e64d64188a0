"""Runs the statements of a repair over keys, in the tasks that also write rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.deletes import parameters
from delta_neo4j.graph.passes.deletes import DeletePass

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.graph.target import Target
    from delta_neo4j.mapping.plan import Table

_ROWS = 1_000  # of a transaction


def run(target: Target, table: Table, keys: DataFrame, statement: str) -> int:
    """
    Run a statement of `cypher.repair` over keys (k0… and v) and return how many nodes or edges it found.

    `table` is the table as it was loaded. Raises as `GraphWriter.delete` does.
    """
    work = DeletePass(
        connection=target.connection,
        statement=statement,
        parameters=parameters(table),
        metadata={"app": "delta-neo4j", "run": target.run_id, "stage": "repair"},
        key_width=sum(name.startswith("k") for name in keys.columns),
        batch_rows=min(_ROWS, target.batch_size),
        refusals_allowed=0,
    )
    written, _ = target.runner.write(keys.repartition(target.write_partitions, "k0"), work)
    return written.counts["deleted"]
