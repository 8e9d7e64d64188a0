"""The passes of a micro-batch over Neo4j: look-up, nodes, relationships; each counts what its statement says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # noqa: TC002

from delta_neo4j.errors import BalanceError
from delta_neo4j.rows import Rows, epochs, values, vectors
from delta_neo4j.transactions import RefusedError
from delta_neo4j.writer import Pass

if TYPE_CHECKING:
    from delta_neo4j.writer import Task

NODE_ROWS, RELATIONSHIP_ROWS = 1_000, 2_000  # a transaction; more is slower (measured)


@dataclass(frozen=True)
class NodePass(Pass):
    """Upserts nodes; columns k0…, p0…, d0…, vector, v, h, w, x, e0… (as `cypher.upsert_nodes` wants them)."""

    names: tuple[str, ...] = ()
    temporals: int = 0
    vector_name: str | None = None
    texts: dict[str, tuple[bytes, int | None]] | None = None  # by hash: vector and tokens, where rows carry only that
    max_tokens: int = 0
    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, p, v, h, w, x, e0…, s0…, n0…} for each row."""
        properties = [values(batch.column(f"p{i}")) for i in range(len(self.names))]
        names, cut = self.names, None
        if self.vector_name:
            names = (*names, self.vector_name)
            found, cut = self._vectors(batch)
            properties.append(found)
        fixed = [f"k{i}" for i in range(self.key_width)] + ["v", "h", "w"]
        fixed += [f"e{i}" for i in range(self.edges)]
        columns = [values(batch.column(name)) for name in fixed]
        fixed.append("x")
        columns.append(values(batch.column("x")) if cut is None else cut)
        for i in range(self.temporals):
            fixed += [f"s{i}", f"n{i}"]
            columns += epochs(batch.column(f"d{i}"))
        maps = (
            [dict(zip(names, row, strict=True)) for row in zip(*properties, strict=True)]
            if names
            else [{}] * len(batch)
        )
        return Rows(
            {**dict(zip(fixed, row, strict=True)), "p": bag}
            for row, bag in zip(zip(*columns, strict=True), maps, strict=True)
        )

    def _vectors(self, batch: pa.RecordBatch) -> tuple[list[list[float] | None], list[int | None] | None]:
        """Give each row's vector and, where the texts came with the function, whether its text is cut."""
        if self.texts is None:
            found = vectors(batch.column("vector"))
            _check_vectors(found, batch.column("has_vector").to_pylist())
            return found, None
        hashes = values(batch.column("text_hash"))
        packed = {text: self.texts[text] for text in set(hashes) if text in self.texts}
        lists = {text: np.frombuffer(vector, dtype="<f4").tolist() for text, (vector, _) in packed.items()}
        found = [lists.get(text) for text in hashes]
        _check_vectors(found, [text is not None for text in hashes])
        cut = {text: None if tokens is None else int(tokens > self.max_tokens) for text, (_, tokens) in packed.items()}
        return found, [0 if text is None else cut[text] for text in hashes]

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:  # noqa: ARG002
        """Count outcomes; edges are expected of rows that the graph now holds."""
        for record in records:
            task.counts[record["outcome"]] += record["rows"]
            if record["outcome"] == "superseded":
                continue
            for i in range(self.edges):
                task.counts[f"expected.{i}"] += record[f"e{i}"]
            for name in ("without_text", "truncated", "length_unknown"):
                task.counts[name] += record[name]

    def refused(self, task: Task) -> None:
        """Count the row: a node that is refused makes it a dead letter."""
        task.counts["dead_lettered"] += 1


def _check_vectors(found: list[list[float] | None], wanted: list[bool]) -> None:
    lost = sum(1 for vector, has in zip(found, wanted, strict=True) if (vector is not None) != has)
    if lost:
        raise BalanceError(f"{lost} rows of one transaction have a text but no vector, or the reverse: texts were lost")


@dataclass(frozen=True)
class RelationshipPass(Pass):
    """Merges one relationship type; columns k0…, t0…, v, h, r."""

    end_width: int = 1

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, t0…, v, h, r, i} for each row."""
        names = [f"k{i}" for i in range(self.key_width)] + [f"t{i}" for i in range(self.end_width)] + ["v", "h", "r"]
        columns = [values(batch.column(name)) for name in names]
        return Rows({**dict(zip(names, row, strict=True)), "i": i} for i, row in enumerate(zip(*columns, strict=True)))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count outcomes; a missing end is a dead letter of its edge alone."""
        for record in records:
            for name in ("written", "unchanged", "skipped", "none", "removed"):
                task.counts[name] += record[name]
            missing = set(record["missing"])
            for row in rows:
                if row["i"] in missing:
                    task.refuse(row, RefusedError("end_missing", f"no node has the key {_end(row)}"))

    def refused(self, task: Task) -> None:
        """Count the edge; its row stays written."""
        task.counts["dead_lettered"] += 1


@dataclass(frozen=True)
class LookUpPass(Pass):
    """Finds the rows that the graph has whole; columns k0…, v, h, r, w, x, e0…. The others are `remaining`."""

    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, h, r, w, x, e0…, i} for each row."""
        names = [f"k{i}" for i in range(self.key_width)] + ["v", "h", "r", "w", "x"]
        names += [f"e{i}" for i in range(self.edges)]
        columns = [values(batch.column(name)) for name in names]
        return Rows({**dict(zip(names, row, strict=True)), "i": i} for i, row in enumerate(zip(*columns, strict=True)))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the rows found with their edges; note the keys of the others."""
        same = {number for record in records for number in record["same"]}
        for row in rows:
            if row["i"] not in same:
                task.remaining.append([row[f"k{i}"] for i in range(self.key_width)])
                continue
            task.counts["unchanged"] += 1
            task.counts["without_text"] += row["w"]
            task.counts["truncated"] += row["x"] or 0
            task.counts["length_unknown"] += row["x"] is None
            for i in range(self.edges):
                task.counts[f"expected.{i}"] += row[f"e{i}"]


def _end(row: dict[str, Any]) -> str:
    return ", ".join(repr(value) for name, value in row.items() if name.startswith("t"))
