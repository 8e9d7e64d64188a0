"""
The mapping as plain frozen values: the only form of it that leaves the driver.

Executors and Connect workers need neither pydantic nor this package to read it: tuples, strings and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PropertyType = Literal["string", "integer", "float", "boolean", "date", "datetime", "local_datetime"]


@dataclass(frozen=True)
class Property:
    """A graph property `name` of `type`, filled from the source column `column`."""

    name: str
    column: str
    type: PropertyType


@dataclass(frozen=True)
class VectorIndex:
    """A vector index as Neo4j is asked for it; `None` leaves the server's default."""

    name: str
    dimension: int
    similarity: Literal["cosine", "euclidean"]
    m: int | None = None
    ef_construction: int | None = None
    quantization: bool | None = None


@dataclass(frozen=True)
class Embedding:
    """Where a node's vector goes, and where it comes from: a text column, or a column of ready vectors."""

    property: str
    index: VectorIndex
    text_column: str | None
    vector_column: str | None
    blank_is_dead_letter: bool


@dataclass(frozen=True)
class Relationship:
    """One relationship a row: between the row's node and the node that `end_key` names."""

    type: str
    incoming: bool  # (end)-[:TYPE]->(row) when true
    end_label: str
    end_key: tuple[Property, ...]
    on_missing: Literal["merge", "skip", "dead_letter"]


@dataclass(frozen=True)
class Table:
    """One Delta table and the part of the graph it fills."""

    name: str
    source: str
    labels: tuple[str, ...]
    key: tuple[Property, ...]
    properties: tuple[Property, ...]
    embedding: Embedding | None
    relationships: tuple[Relationship, ...]
    order_by: tuple[str, ...]
    digest: str  # changes when anything changes that decides what is written

    @property
    def columns(self) -> tuple[str, ...]:
        """Every source column that the table needs, each once, in a stable order."""
        names = [p.column for p in (*self.key, *self.properties)]
        if self.embedding:
            names += [c for c in (self.embedding.text_column, self.embedding.vector_column) if c]
        names += [p.column for r in self.relationships for p in r.end_key]
        return tuple(dict.fromkeys([*names, *self.order_by]))


@dataclass(frozen=True)
class Graph:
    """All tables of a mapping, in loading order."""

    name: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Connection:
    """Where the graph is, and who writes. The password prints nowhere."""

    uri: str
    username: str
    password: str = field(repr=False)
    database: str = "neo4j"
    retry_seconds: float = 300.0  # how long deadlocks, leader switches and restarts are waited for
