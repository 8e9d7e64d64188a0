"""The pass that writes the chunks of rows' texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # noqa: TC002

from delta_neo4j.errors import BalanceError
from delta_neo4j.graph.passes.base import Pass
from delta_neo4j.graph.passes.columns import keys, rowwise
from delta_neo4j.graph.passes.parameters import Rows, values

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.transactions import RefusedError
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class ChunkPass(Pass):
    """Writes the chunks of rows' texts and their edges; columns k0…, v, h, r, c: chunks {id, i, t, vector}."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, h, r, c} for each row; raise `BalanceError` if a chunk has no vector."""
        columns = {name: values(batch.column(name)) for name in [*keys(self.key_width), "v", "h", "r", "c"]}
        for chunk in (chunk for chunks in columns["c"] for chunk in chunks):
            packed = chunk.pop("vector")
            if packed is None:
                raise BalanceError(f"chunk {chunk['id']} of a text has no vector: texts were lost")
            chunk["e"] = np.frombuffer(packed, dtype="<f4").tolist()
        return rowwise(columns)

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:  # noqa: ARG002
        """Count the chunks by outcome, and the rows that have them."""
        for record in records:
            for name in ("rows", "written", "unchanged", "removed"):
                task.counts[name] += record[name]

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Count the row's chunks as dead letters; the row stays written."""
        task.counts["rows"] += 1
        task.counts["dead_lettered"] += len(row["c"])
