"""The pass that upserts the rows of an edge list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.graph.bolt.transactions import RefusedError
from delta_neo4j.graph.passes.base import Pass
from delta_neo4j.graph.passes.columns import NO_PROPERTIES, keys, moments, numbered, rowwise
from delta_neo4j.graph.passes.parameters import PropertyMaps, Rows, values

if TYPE_CHECKING:
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class EdgePass(Pass):
    """Upserts the rows of an edge list; columns k0…, p0…, d0…, v, h."""

    property_maps: PropertyMaps = NO_PROPERTIES
    temporals: int = 0
    skips: bool = False  # a row whose start or end node is missing is skipped; otherwise it is a dead letter
    start_width: int = 1
    end_width: int = 1

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, p, v, h, i, s0…, n0…} for each row."""
        columns = {name: values(batch.column(name)) for name in [*keys(self.key_width), "v", "h"]}
        columns["p"] = self.property_maps.of(batch)
        return rowwise(columns | numbered(batch) | moments(batch, self.temporals))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count outcomes; a row without an outcome lacks its start or end node."""
        with_outcome: set[int] = set()
        for record in records:
            task.counts[record["outcome"]] += len(record["rows"])
            task.counts["parallel"] += record["parallel"]
            if record["outcome"] != "superseded":
                task.counts["expected"] += len(record["rows"])
            with_outcome.update(record["rows"])
        for row in rows:
            if row["i"] in with_outcome:
                continue
            task.wait(row)
            if self.skips:
                task.counts["skipped"] += 1
                task.counts["expected"] += 1
            else:
                key, width = [row[name] for name in keys(self.key_width)], self.start_width
                ends = [repr(key[:width]), repr(key[width : width + self.end_width])]
                task.refuse(
                    row, RefusedError("end_missing", f"no nodes have the keys {' and '.join(ends)}, or one has none")
                )

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Count the row, whose outcome is that of its edge."""
        task.counts["dead_lettered"] += 1
        task.counts["expected"] += 1
