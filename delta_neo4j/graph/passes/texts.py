"""The pass that upserts one node for each distinct text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # noqa: TC002

from delta_neo4j.errors import BalanceError
from delta_neo4j.graph.passes.base import Pass, stopping
from delta_neo4j.graph.passes.columns import check_vectors, rowwise
from delta_neo4j.graph.passes.parameters import Rows, values, vectors

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.transactions import RefusedError
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class TextPass(Pass):
    """Upserts one node for each distinct text; columns k0 (its id), t, vector, h. A refused node stops the run."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0, t, e, h} for each text; raise `BalanceError` if a vector is missing."""
        text_vectors = vectors(batch.column("vector"))
        check_vectors(text_vectors, [True] * len(batch))
        return rowwise({**{name: values(batch.column(name)) for name in ("k0", "t", "h")}, "e": text_vectors})

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the texts; raise `BalanceError` if the statement saw another number than it was sent."""
        seen = sum(record["seen"] for record in records)
        if seen != len(rows):
            raise BalanceError(f"{len(rows)} texts were sent to the graph, which saw {seen}")
        task.counts["texts"] += seen

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Raise the error that ends the run: the rows of a refused text would have no node to point at."""
        raise stopping(f"Neo4j refused the node of text {row['k0']}", error)
