"""
The mapping as plain frozen values: the only form of it that leaves the driver.

Executors and Connect workers need neither pydantic nor this package to read it: tuples, strings and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PropertyType = Literal[
    "string", "integer", "float", "boolean", "date", "datetime", "local_datetime", "point", "json", "map",
    "list<string>", "list<integer>", "list<float>", "list<boolean>", "list<date>", "list<datetime>",
    "list<local_datetime>",
]  # fmt: skip
OnMissing = Literal["merge", "skip", "dead_letter"]


@dataclass(frozen=True)
class Input:
    """What a value is made from: a source column, or a Spark SQL expression over columns."""

    text: str
    is_expression: bool = False

    def __str__(self) -> str:
        """Say what it is, for a message."""
        return f"expression {self.text!r}" if self.is_expression else f"column {self.text!r}"


# Not of the source: the hash of the row's text, as ranking finds it.
TEXT_HASH = Input("", is_expression=True)


@dataclass(frozen=True)
class Property:
    """A graph property `name` of `type`, filled from `input`; `filterable` ones go into the vector index."""

    name: str
    input: Input
    type: PropertyType
    filterable: bool = False


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
class TextNodes:
    """The vector on one node a distinct text: (row)-[:`relationship`]->(:`label` {text_id, text, embedding})."""

    label: str
    relationship: str


@dataclass(frozen=True)
class Chunks:
    """The vectors on pieces of the text: (row)-[:`relationship`]->(:`label` {chunk_id, index, text, embedding})."""

    label: str
    relationship: str
    tokens: int  # of the model's tokenizer, a piece at most
    overlap: int  # tokens that a piece repeats of the one before


@dataclass(frozen=True)
class Embedding:
    """
    Where vectors go, and where they come from: a text, or ready vectors.

    `text` is the pieces of a template, literal text between inputs; one column alone is one piece. `holder` is None
    where the row's own node holds the vector.
    """

    property: str
    index: VectorIndex
    text: tuple[Input | str, ...]
    vector: Input | None
    blank_is_dead_letter: bool
    holder: TextNodes | Chunks | None = None


@dataclass(frozen=True)
class Relationship:
    """
    One relationship a row: between the row's node and the node that `end_key` names.

    A `retired` one stood in an earlier mapping: no row has it any more.
    """

    type: str
    incoming: bool  # (end)-[:TYPE]->(row) when true
    end_label: str
    end_key: tuple[Property, ...]
    on_missing: OnMissing
    properties: tuple[Property, ...] = ()
    retired: bool = False
    of_text: bool = False  # the other end stands for the row's text, and is the loader's own
    absent: tuple[str, ...] = ()  # properties that an earlier mapping gave it

    @property
    def has_content(self) -> bool:
        """Whether something of it is to be held against the graph beside its ends."""
        return bool(self.properties or self.absent)


@dataclass(frozen=True)
class Edge:
    """What a row of an edge list is: a relationship from one node to another, each found by its key."""

    type: str
    start_label: str
    start_key: tuple[Property, ...]
    end_label: str
    end_key: tuple[Property, ...]
    on_missing: OnMissing


@dataclass(frozen=True)
class Retired:
    """What earlier mappings of a table wrote and this one does not."""

    properties: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()  # prefixes of flattened maps


@dataclass(frozen=True)
class Table:
    """One Delta table and what it fills of the graph: nodes with their relationships, or (with `edge`) an edge list."""

    name: str
    source: str
    labels: tuple[str, ...]
    key: tuple[Property, ...]  # of an edge list: both ends' keys
    properties: tuple[Property, ...]
    embedding: Embedding | None
    relationships: tuple[Relationship, ...]
    order_by: tuple[Input, ...]
    digest: str  # changes when anything changes that decides what is written
    edge: Edge | None = None
    adds_new_columns: bool = False
    retired: Retired = Retired()
    listed_types: tuple[str, ...] = ()  # of relationships that the mapping's edge lists make

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Everything the table needs of a source row, each once, in a stable order."""
        found = [p.input for p in (*self.key, *self.properties)]
        if self.embedding:
            found += [piece for piece in self.embedding.text if isinstance(piece, Input)]
            found += [self.embedding.vector] if self.embedding.vector else []
        found += [p.input for r in self.relationships for p in (*r.end_key, *r.properties)]
        return tuple(one for one in dict.fromkeys([*found, *self.order_by]) if one != TEXT_HASH)

    def siblings(self, relationship: Relationship) -> tuple[Relationship, ...]:
        """Give the row's other relationships of the same type and direction: a node may have the labels of both."""
        kind = (relationship.type, relationship.incoming)
        others = (r for r in self.relationships if not r.retired and r != relationship)
        return tuple(r for r in others if (r.type, r.incoming) == kind)

    @property
    def edge_types(self) -> tuple[str, ...]:
        """The types of a row's edges, in the order of the passes: its relationships, then its pieces."""
        return (*(r.type for r in self.relationships), *([self.chunks.relationship] if self.chunks else []))

    @property
    def has_text(self) -> bool:
        """Whether something of a row is embedded."""
        return self.embedding is not None and bool(self.embedding.text)

    @property
    def shown_text(self) -> str | None:
        """The property that shows the embedded text on the node with the vector, where there is one."""
        if self.embedding is None or self.embedding.holder:
            return "text" if self.embedding else None
        return next((p.name for p in self.properties if (p.input,) == self.embedding.text and p.type == "string"), None)

    @property
    def vector_on_row(self) -> Embedding | None:
        """The embedding, where the row's own node holds the vector."""
        return self.embedding if self.embedding and self.embedding.holder is None else None

    @property
    def chunks(self) -> Chunks | None:
        """How the text is cut into pieces, where it is."""
        holder = self.embedding.holder if self.embedding else None
        return holder if isinstance(holder, Chunks) else None

    @property
    def text_nodes(self) -> TextNodes | None:
        """Which nodes stand for distinct texts, where such do."""
        holder = self.embedding.holder if self.embedding else None
        return holder if isinstance(holder, TextNodes) else None


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
