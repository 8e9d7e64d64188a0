"""The pass that upserts nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # noqa: TC002

from delta_neo4j.graph.passes.base import Pass
from delta_neo4j.graph.passes.columns import NO_PROPERTIES, check_vectors, keys, moments, rowwise
from delta_neo4j.graph.passes.parameters import PropertyMaps, Rows, values, vectors

if TYPE_CHECKING:
    from delta_neo4j.graph.bolt.transactions import RefusedError
    from delta_neo4j.graph.passes.base import Task


@dataclass(frozen=True)
class NodePass(Pass):
    """Upserts nodes; columns k0…, p0…, d0…, vector, v, h, w, x, e0… (see `cypher.nodes.upsert_nodes`)."""

    property_maps: PropertyMaps = NO_PROPERTIES
    temporals: int = 0
    with_vector: bool = False
    # Vector and tokens by text hash, if rows have only the hash.
    texts: dict[str, tuple[bytes, int | None]] | None = None
    max_tokens: int = 0
    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, p, v, h, w, x, e0…, s0…, n0…, e} for each row; raise `BalanceError` if a vector is missing."""
        row_vectors, truncated = self._vectors(batch) if self.with_vector else (None, None)
        fixed = [*keys(self.key_width), "v", "h", "w", *(f"e{i}" for i in range(self.edges))]
        columns = {name: values(batch.column(name)) for name in fixed}
        columns |= {
            "x": values(batch.column("x")) if truncated is None else truncated,
            "p": self.property_maps.of(batch),
        }
        rows = rowwise(columns | moments(batch, self.temporals))
        return rows if row_vectors is None else rows.with_vectors(row_vectors)

    def _vectors(self, batch: pa.RecordBatch) -> tuple[list[list[float] | None], list[int | None] | None]:
        """Return each row's vector and, if the pass has the `texts`, whether its text is truncated (None: unknown)."""
        if self.texts is None:
            row_vectors = vectors(batch.column("vector"))
            check_vectors(row_vectors, batch.column("has_vector").to_pylist())
            return row_vectors, None
        hashes = values(batch.column("text_hash"))
        packed = {text: self.texts[text] for text in set(hashes) if text in self.texts}
        lists = {text: np.frombuffer(vector, dtype="<f4").tolist() for text, (vector, _) in packed.items()}
        row_vectors = [lists.get(text) for text in hashes]
        check_vectors(row_vectors, [text is not None for text in hashes])
        truncated = {
            text: None if tokens is None else int(tokens > self.max_tokens) for text, (_, tokens) in packed.items()
        }
        return row_vectors, [0 if text is None else truncated[text] for text in hashes]

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:  # noqa: ARG002
        """Count outcomes, and the texts and expected edges of the rows that are not superseded."""
        for record in records:
            task.counts[record["outcome"]] += record["rows"]
            if record["outcome"] == "superseded":
                continue
            for i in range(self.edges):
                task.counts[f"expected.{i}"] += record[f"e{i}"]
            for name in ("without_text", "truncated", "length_unknown"):
                task.counts[name] += record[name]

    def refused(self, row: dict[str, Any], error: RefusedError, task: Task) -> None:  # noqa: ARG002
        """Count the row as a dead letter."""
        task.counts["dead_lettered"] += 1
