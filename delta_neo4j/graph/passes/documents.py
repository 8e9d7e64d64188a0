"""
Documents: what a row writes to the graph, and what the graph has of it, as JSON that is equal exactly if both are.

A document has `labels`, `properties` (texts of the values by name), `hash` (`_dn_hash`), `vector` (a digest, or whether
there is one) and `edges`, a list of [type, direction, end label, key, properties, hash]. It names only what the mapping
writes; labels and properties of other writers are left out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from delta_neo4j.errors import travelling
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.bolt.value_texts import moment_text, value_text
from delta_neo4j.graph.passes.columns import keys
from delta_neo4j.graph.passes.parameters import PropertyMaps, epochs, values, vectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from delta_neo4j.settings.connection import Connection

EXPECTED = "key STRING, document STRING, rel_hash STRING, row_key STRING, state STRING"
FOUND = "key STRING, document STRING, rel_hash STRING, version STRING, owner STRING, id STRING, others STRING"
_ROWS_PER_BATCH = 2_000


@dataclass(frozen=True)
class Properties:
    """What a mapping writes on a node or edge: `maps` builds the plain properties, `moments` are (name, type)."""

    maps: PropertyMaps
    moments: tuple[tuple[str, str], ...] = ()

    def expected(self, batch: pa.RecordBatch) -> list[dict[str, str]]:
        """Return the texts of each row's properties that are not null."""
        plain = self.maps.of(batch) if self.maps.names else [{}] * len(batch)
        texts = [{name: value_text(value) for name, value in row.items() if value is not None} for row in plain]
        for number, (name, kind) in enumerate(self.moments):
            for row, *sent in zip(texts, *epochs(batch.column(f"d{number}")), strict=True):
                if (text := moment_text(kind, *sent)) is not None:
                    row[name] = text
        return texts

    def found(self, properties: dict[str, Any]) -> dict[str, str]:
        """Return the texts of those properties of a node or edge that the mapping writes."""
        names, prefixes = self._names, tuple(f"{name}." for name in self.maps.maps)
        return {
            name: value_text(value)
            for name, value in properties.items()
            if value is not None and (name in names or (prefixes and name.startswith(prefixes)))
        }

    @property
    def _names(self) -> frozenset[str]:
        return frozenset((*self.maps.names, *(name for name, _ in self.moments)))


@dataclass(frozen=True)
class EdgeShape:
    """A relationship of a table's rows: its `position` among them, its type, direction, end label and properties."""

    position: int
    kind: str
    incoming: bool
    label: str
    identity: int  # number of columns of the end node's key and the edge's own
    properties: Properties
    has_content: bool

    def edge(self, key: list[Any], properties: dict[str, str], content_hash: Any) -> list[Any]:
        """Return the edge as a document lists it."""
        return [self.kind, "<-" if self.incoming else "->", self.label, key_text(key), properties, content_hash]


@dataclass(frozen=True)
class Shape:
    """What the rows of a table write: the parts of their documents."""

    key_width: int
    labels: tuple[str, ...]
    properties: Properties
    edges: tuple[EdgeShape, ...] = ()
    has_vector: bool = False
    vectors: bool = False  # whether vectors are compared; otherwise only whether there is one


def key_text(key: Iterable[Any]) -> str:
    """Return a key as JSON: a list of texts of its values."""
    parts = [None if part is None else value_text(part) for part in key]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def vector_digest(vector: Any) -> str | None:
    """Return 16 hex digits for a vector's numbers, or None."""
    if vector is None:
        return None
    try:
        packed = np.asarray(vector, dtype="<f8").tobytes()
    except (TypeError, ValueError):
        return f"no vector: {vector!r}"[:100]
    return hashlib.blake2b(packed, digest_size=8).hexdigest()


def _document(**parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class ExpectedDocuments:
    """
    Turns typed rows into documents (the function of `mapInArrow`).

    Columns: k0…, `node` (a struct of p0…, d0…), for each edge e0… (a struct of `has`, i0…, p0…, d0…, q), `h`, `r`,
    `row_key`, `state`, and `vector`.
    """

    shape: Shape

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield `EXPECTED` rows."""
        for batch in batches:
            shape = self.shape
            key_columns = [values(batch.column(name)) for name in keys(shape.key_width)]
            row_edges = self._edges(batch)
            parts = zip(
                shape.properties.expected(_flat(batch, "node")), self._vectors(batch), row_edges,
                batch.column("h").to_pylist(), strict=True,
            )  # fmt: skip
            documents = [
                _document(labels=sorted(shape.labels), properties=texts, vector=vector, edges=edges, hash=content_hash)
                for texts, vector, edges, content_hash in parts
            ]
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array([key_text(key) for key in zip(*key_columns, strict=True)], pa.string()),
                    pa.array(documents, pa.string()),
                    *(batch.column(name).cast(pa.string()) for name in ("r", "row_key", "state")),
                ],
                ["key", "document", "rel_hash", "row_key", "state"],
            )

    def _vectors(self, batch: pa.RecordBatch) -> list[Any]:
        if not self.shape.has_vector:
            return [None] * len(batch)
        if not self.shape.vectors:
            return list(batch.column("vector").is_valid().to_pylist())
        # Rows of one text share one list.
        row_vectors = vectors(batch.column("vector"))
        digests = {number: vector_digest(vector) for number, vector in {id(each): each for each in row_vectors}.items()}
        return [digests[id(vector)] for vector in row_vectors]

    def _edges(self, batch: pa.RecordBatch) -> list[list[Any]]:
        found: list[list[Any]] = [[] for _ in range(len(batch))]
        for number, shape in enumerate(self.shape.edges):
            edges = _flat(batch, f"e{number}")
            identity = [values(edges.column(f"i{at}")) for at in range(shape.identity)]
            hashes = edges.column("q").to_pylist()
            texts, has = shape.properties.expected(edges), edges.column("has").to_pylist()
            for row, exists, key, properties, content_hash in zip(
                found, has, zip(*identity, strict=True), texts, hashes, strict=True
            ):
                if exists:
                    row.append(shape.edge(list(key), properties, content_hash))
        return [sorted(edges, key=json.dumps) for edges in found]


def _flat(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
    column = batch.column(name)
    return pa.RecordBatch.from_arrays(column.flatten(), [field.name for field in column.type])


@dataclass(frozen=True)
class FoundDocuments:
    """
    Reads ranges of nodes or edges from the graph and turns them into documents (the function of `mapInArrow`).

    `statements` has the text of each kind of range (`cypher.scan`); an input row has the number of a range in `ranges`,
    (kind, low, high).
    """

    connection: Connection
    shape: Shape
    statements: dict[str, str]
    ranges: tuple[tuple[str, Any, Any], ...]
    owner: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield `FOUND` rows; raises `FarSideError` with the class and message of a `LoaderError`."""
        with travelling(), open_queries(self.connection, reading=True) as queries:
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    kind, low, high = self.ranges[number]
                    records = queries.stream(self.statements[kind], owner=self.owner, low=low, high=high)
                    yield from self._batches(records)

    def _batches(self, records: Iterable[Any]) -> Iterator[pa.RecordBatch]:
        rows: list[tuple[Any, ...]] = []
        for record in records:
            rows.append(self._row(record))
            if len(rows) == _ROWS_PER_BATCH:
                yield _found(rows)
                rows = []
        if rows:
            yield _found(rows)

    def _row(self, record: Any) -> tuple[str | None, ...]:
        shape, properties = self.shape, record["properties"]
        own, others = self._edges(record)
        vector = record.get("vector")
        document = _document(
            labels=sorted(set(record.get("labels") or shape.labels) & set(shape.labels)),
            properties=shape.properties.found(properties),
            vector=(vector_digest(vector) if shape.vectors else vector) if shape.has_vector else None,
            edges=sorted(own, key=json.dumps),
            hash=_plain(properties.get("_dn_hash")),
        )
        key = key_text(record["key"]) if record["turned"] is not True else f"turned {key_text(record['key'])}"
        hidden = [_plain(properties.get(name)) for name in ("_dn_rel_hash", "_dn_version", "_dn_owner")]
        return (key, document, *hidden, record["id"], json.dumps(others, ensure_ascii=False))

    def _edges(self, record: Any) -> tuple[list[Any], list[Any]]:
        """Return the loader's own edges of a node, those in a direction that the mapping lacks too, and the others."""
        own: list[Any] = []
        others: list[Any] = []
        for each in self.shape.edges:
            for key, content in record[f"r{each.position}"]:
                content_hash = content.get("_dn_hash") if each.has_content else None
                edge = each.edge(key, each.properties.found(content), _plain(content_hash))
                (own if content.get("_dn_owner") == self.owner else others).append(edge)
        if isinstance(record["turned"], list):  # otherwise the record is an edge
            for kind, incoming, labels in record["turned"]:
                own.append([kind, "<-" if incoming else "->", ":".join(sorted(labels)), "turned", {}, None])
        return own, others


def _plain(value: Any) -> str | None:
    """Return a hidden property as text; somebody may have given it another type."""
    return value if value is None or isinstance(value, str) else value_text(value)


def _found(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    names = [column.split(" ")[0] for column in FOUND.split(", ")]
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in zip(*rows, strict=True)], names)
