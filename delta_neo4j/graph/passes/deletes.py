"""The pass that deletes what rows wrote to the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.graph.passes.base import Pass, stopping
from delta_neo4j.graph.passes.columns import keys, numbered, rowwise
from delta_neo4j.graph.passes.parameters import Rows, values

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.transactions import RefusedError
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class DeletePass(Pass):
    """Deletes what rows with these keys wrote to the graph; columns k0 and so on, and v (version)."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, i} for each row."""
        names = [*keys(self.key_width), "v"]
        return rowwise({name: values(batch.column(name)) for name in names} | numbered(batch))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the keys that were deleted, and as unchanged the keys that the graph does not have."""
        deleted = {number for record in records for number in record["deleted"]}
        for row in rows:
            task.counts["deleted" if row["i"] in deleted else "unchanged"] += 1

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Raise the error that ends the run: a row that cannot be deleted is no dead letter."""
        raise stopping(f"Neo4j refused to delete the row with key {[row[n] for n in keys(self.key_width)]}", error)
