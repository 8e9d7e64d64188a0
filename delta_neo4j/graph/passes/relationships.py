"""The pass that merges the edges of one relationship type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.graph.bolt.transactions import RefusedError
from delta_neo4j.graph.passes.base import Pass
from delta_neo4j.graph.passes.columns import keys, moments, numbered, rowwise
from delta_neo4j.graph.passes.parameters import PropertyMaps, Rows, values

if TYPE_CHECKING:
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class RelationshipPass(Pass):
    """
    Merges the edges of one relationship type; columns k0…, t0…, o0_0…, v, h, r, and with content p0…, d0…, q.

    The columns t0… are the end node's key and, from `end_width` on, that of the edge; `sibling_widths` counts both.
    """

    end_width: int = 1
    edge_width: int = 0
    sibling_widths: tuple[int, ...] = ()
    property_maps: PropertyMaps | None = None
    temporals: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, t0…, o0_0…, v, h, r, i} for each row, and also {p, s0…, n0…, q} if edges have content."""
        others = [f"o{number}_{i}" for number, width in enumerate(self.sibling_widths) for i in range(width)]
        own = [f"t{i}" for i in range(self.end_width + self.edge_width)]
        names = [*keys(self.key_width), *own, *others, "v", "h", "r"]
        columns = {name: values(batch.column(name)) for name in names}
        if self.property_maps:
            columns |= {
                "q": values(batch.column("q")),
                "p": self.property_maps.of(batch),
                **moments(batch, self.temporals),
            }
        return rowwise(columns | numbered(batch))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count outcomes; if an end node is missing, the edge is a dead letter and its row stays written."""
        for record in records:
            for name in ("written", "unchanged", "skipped", "none", "removed", "parallel"):
                task.counts[name] += record[name]
            missing, absent = set(record["missing"]), set(record["absent"])
            for row in rows:
                if row["i"] in absent:
                    task.wait(row)
                if row["i"] in missing:
                    end = ", ".join(repr(row[f"t{i}"]) for i in range(self.end_width))
                    task.refuse(row, RefusedError("end_missing", f"no node has the key {end}"))

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Count the edge; its row stays written."""
        task.counts["dead_lettered"] += 1
