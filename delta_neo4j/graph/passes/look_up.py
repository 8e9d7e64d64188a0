"""The pass that finds the rows that the graph holds unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.graph.passes.base import Pass
from delta_neo4j.graph.passes.columns import keys, numbered, rowwise
from delta_neo4j.graph.passes.parameters import Rows, values

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.transactions import RefusedError
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class LookUpPass(Pass):
    """Finds the rows that the graph holds unchanged with all their edges; columns k0…, v, h, r, w, x, e0…."""

    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, h, r, w, x, e0…, i} for each row."""
        names = [*keys(self.key_width), "v", "h", "r", "w", "x", *(f"e{i}" for i in range(self.edges))]
        return rowwise({name: values(batch.column(name)) for name in names} | numbered(batch))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the unchanged rows, their texts and edges; add the keys of the other rows to `remaining`."""
        unchanged = {number for record in records for number in record["same"]}
        for row in rows:
            if row["i"] not in unchanged:
                task.remaining.append([row[name] for name in keys(self.key_width)])
                continue
            task.counts["unchanged"] += 1
            task.counts["without_text"] += row["w"]
            task.counts["truncated"] += row["x"] or 0
            task.counts["length_unknown"] += row["x"] is None
            for i in range(self.edges):
                task.counts[f"expected.{i}"] += row[f"e{i}"]

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Add the row's key to `remaining`: the passes that write the row find out whether it is at fault."""
        task.remaining.append([row[name] for name in keys(self.key_width)])
