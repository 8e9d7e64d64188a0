"""The passes of a micro-batch over Neo4j, from the look-up to the last edge; each counts what its statement says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # noqa: TC002

from delta_neo4j.errors import BalanceError, GraphUnavailableError
from delta_neo4j.rows import Bags, Rows, epochs, values, vectors
from delta_neo4j.transactions import RefusedError
from delta_neo4j.writer import Pass

if TYPE_CHECKING:
    from delta_neo4j.writer import Task

NODE_ROWS, RELATIONSHIP_ROWS = 1_000, 2_000  # a transaction; more is slower (measured)
NO_BAGS = Bags(())


@dataclass(frozen=True)
class NodePass(Pass):
    """Upserts nodes; columns k0…, p0…, d0…, vector, v, h, w, x, e0… (as `nodes.upsert_nodes` wants them)."""

    bags: Bags = NO_BAGS
    temporals: int = 0
    vector_name: str | None = None
    texts: dict[str, tuple[bytes, int | None]] | None = None  # by hash: vector and tokens, where rows carry only that
    max_tokens: int = 0
    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, p, v, h, w, x, e0…, s0…, n0…} for each row."""
        more, cut = {}, None
        if self.vector_name:
            more[self.vector_name], cut = self._vectors(batch)
        fixed = [*keys(self.key_width), "v", "h", "w", *(f"e{i}" for i in range(self.edges))]
        columns = {name: values(batch.column(name)) for name in fixed}
        columns |= {"x": values(batch.column("x")) if cut is None else cut, "p": self.bags.of(batch, more)}
        return rowwise(columns | moments(batch, self.temporals))

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

    def refused(self, row: dict[str, Any], task: Task) -> None:  # noqa: ARG002
        """Count the row: a node that is refused makes it a dead letter."""
        task.counts["dead_lettered"] += 1


def _check_vectors(found: list[list[float] | None], wanted: list[bool]) -> None:
    lost = sum(1 for vector, has in zip(found, wanted, strict=True) if (vector is not None) != has)
    if lost:
        raise BalanceError(f"{lost} rows of one transaction have a text but no vector, or the reverse: texts were lost")


@dataclass(frozen=True)
class TextPass(Pass):
    """Upserts one node a distinct text; columns k0: its id, t, vector, h. A refused one is nobody's row: it stops."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0, t, e, h} for each text."""
        found = vectors(batch.column("vector"))
        _check_vectors(found, [True] * len(batch))
        return rowwise({**{name: values(batch.column(name)) for name in ("k0", "t", "h")}, "e": found})

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the texts seen, and hold them against those sent."""
        seen = sum(record["seen"] for record in records)
        if seen != len(rows):
            raise BalanceError(f"{len(rows)} texts were sent to the graph, which saw {seen}")
        task.counts["texts"] += seen

    def refused(self, row: dict[str, Any], task: Task) -> None:  # noqa: ARG002
        """Raise: the rows of a text that the graph refuses would point at nothing."""
        raise GraphUnavailableError(f"the graph does not take the node of text {row['k0']}; see what it refuses")


@dataclass(frozen=True)
class RelationshipPass(Pass):
    """Merges one relationship type; columns k0…, t0…, o0_0…, v, h, r, and with content p0…, d0…, q."""

    end_width: int = 1
    sibling_widths: tuple[int, ...] = ()
    bags: Bags | None = None
    temporals: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, t0…, o0_0…, v, h, r, i} for each row, and {p, s0…, n0…, q} where the edge has content."""
        others = [f"o{number}_{i}" for number, width in enumerate(self.sibling_widths) for i in range(width)]
        names = [*keys(self.key_width), *(f"t{i}" for i in range(self.end_width)), *others, "v", "h", "r"]
        columns = {name: values(batch.column(name)) for name in names}
        if self.bags:
            columns |= {"q": values(batch.column("q")), "p": self.bags.of(batch), **moments(batch, self.temporals)}
        return rowwise(columns | numbered(batch))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count outcomes; a missing end is a dead letter of its edge alone."""
        for record in records:
            for name in ("written", "unchanged", "skipped", "none", "removed"):
                task.counts[name] += record[name]
            missing = set(record["missing"])
            for row in rows:
                if row["i"] in missing:
                    task.refuse(row, RefusedError("end_missing", f"no node has the key {_end(row)}"))

    def refused(self, row: dict[str, Any], task: Task) -> None:  # noqa: ARG002
        """Count the edge; its row stays written."""
        task.counts["dead_lettered"] += 1


@dataclass(frozen=True)
class ChunkPass(Pass):
    """Gives rows the pieces of their text; columns k0…, v, h, r, c: pieces {id, i, t, vector}."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, h, r, c} for each row."""
        columns = {name: values(batch.column(name)) for name in [*keys(self.key_width), "v", "h", "r", "c"]}
        for piece in (piece for pieces in columns["c"] for piece in pieces):
            packed = piece.pop("vector")
            if packed is None:
                raise BalanceError(f"piece {piece['id']} of a text has no vector: texts were lost")
            piece["e"] = np.frombuffer(packed, dtype="<f4").tolist()
        return rowwise(columns)

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:  # noqa: ARG002
        """Count pieces, and the rows they belong to."""
        for record in records:
            for name in ("rows", "written", "unchanged", "removed"):
                task.counts[name] += record[name]

    def refused(self, row: dict[str, Any], task: Task) -> None:
        """Count the pieces; their row stays written."""
        task.counts["rows"] += 1
        task.counts["dead_lettered"] += len(row["c"])


@dataclass(frozen=True)
class EdgePass(Pass):
    """Upserts the rows of an edge list; columns k0…, p0…, d0…, v, h."""

    bags: Bags = NO_BAGS
    temporals: int = 0
    skips: bool = False  # a row without both nodes changes nothing; otherwise it is a dead letter
    start_width: int = 1

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, p, v, h, i, s0…, n0…} for each row."""
        columns = {name: values(batch.column(name)) for name in [*keys(self.key_width), "v", "h"]}
        columns["p"] = self.bags.of(batch)
        return rowwise(columns | numbered(batch) | moments(batch, self.temporals))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count outcomes; rows in none of them lack a node."""
        there: set[int] = set()
        for record in records:
            task.counts[record["outcome"]] += len(record["rows"])
            if record["outcome"] != "superseded":
                task.counts["expected"] += len(record["rows"])
            there.update(record["rows"])
        for row in rows:
            if row["i"] in there:
                continue
            if self.skips:
                task.counts["skipped"] += 1
                task.counts["expected"] += 1
            else:
                names = keys(self.key_width)
                ends = [
                    repr([row[name] for name in part])
                    for part in (names[: self.start_width], names[self.start_width :])
                ]
                task.refuse(
                    row, RefusedError("end_missing", f"no nodes have the keys {' and '.join(ends)}, or one has none")
                )

    def refused(self, row: dict[str, Any], task: Task) -> None:  # noqa: ARG002
        """Count the row: it is its edge."""
        task.counts["dead_lettered"] += 1
        task.counts["expected"] += 1


@dataclass(frozen=True)
class LookUpPass(Pass):
    """Finds the rows that the graph has whole; columns k0…, v, h, r, w, x, e0…. The others are `remaining`."""

    edges: int = 0

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, v, h, r, w, x, e0…, i} for each row."""
        names = [*keys(self.key_width), "v", "h", "r", "w", "x", *(f"e{i}" for i in range(self.edges))]
        return rowwise({name: values(batch.column(name)) for name in names} | numbered(batch))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count the rows found with their edges; note the keys of the others."""
        same = {number for record in records for number in record["same"]}
        for row in rows:
            if row["i"] not in same:
                task.remaining.append([row[name] for name in keys(self.key_width)])
                continue
            task.counts["unchanged"] += 1
            task.counts["without_text"] += row["w"]
            task.counts["truncated"] += row["x"] or 0
            task.counts["length_unknown"] += row["x"] is None
            for i in range(self.edges):
                task.counts[f"expected.{i}"] += row[f"e{i}"]


@dataclass(frozen=True)
class DeletePass(Pass):
    """Takes away what rows with these keys put into the graph; columns k0 and so on."""

    def rows(self, batch: pa.RecordBatch) -> Rows:
        """Build {k0…, i} for each row."""
        return rowwise({name: values(batch.column(name)) for name in keys(self.key_width)} | numbered(batch))

    def tally(self, rows: Rows, records: list[dict[str, Any]], task: Task) -> None:
        """Count what was found and taken away, and the keys that nothing was found for."""
        found = {number for record in records for number in record["deleted"]}
        for row in rows:
            task.counts["deleted" if row["i"] in found else "unchanged"] += 1

    def refused(self, row: dict[str, Any], task: Task) -> None:  # noqa: ARG002
        """Raise: a row that cannot be taken away is nobody's dead letter."""
        raise GraphUnavailableError(
            f"the graph does not let go of the row with key {[row[n] for n in keys(self.key_width)]}"
        )


def keys(width: int) -> list[str]:
    """Name the columns of a key."""
    return [f"k{i}" for i in range(width)]


def rowwise(columns: dict[str, list[Any]]) -> Rows:
    """Turn columns into rows."""
    return Rows(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def numbered(batch: pa.RecordBatch) -> dict[str, list[int]]:
    """Give `i`, the numbers of a transaction's rows."""
    return {"i": list(range(len(batch)))}


def moments(batch: pa.RecordBatch, count: int) -> dict[str, list[int | None]]:
    """Give s0…, n0…: seconds and nanoseconds of the temporal properties d0 and so on."""
    found: dict[str, list[int | None]] = {}
    for i in range(count):
        found[f"s{i}"], found[f"n{i}"] = epochs(batch.column(f"d{i}"))
    return found


def _end(row: dict[str, Any]) -> str:
    return ", ".join(repr(value) for name, value in row.items() if name.startswith("t"))
