"""The pass that finds out whether anything can be done about edges that wait for their ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.graph.passes.base import Pass
from delta_neo4j.graph.passes.columns import rowwise
from delta_neo4j.graph.passes.parameters import Rows, values

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.transactions import RefusedError
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class WaitingPass(Pass):
    """Counts waiting edges, and those that are due; columns k0…, v, t0…."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, t0…} for each edge."""
        return rowwise({name: values(batch.column(name)) for name in batch.schema.names})

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the edges and those that are due."""
        task.counts["edges"] += len(rows)
        task.counts["due"] += sum(record["due"] for record in records)

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Count the edge as due: the pass that writes it finds out whether it is at fault."""
        task.counts["due"] += 1
