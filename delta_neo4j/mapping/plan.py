"""
The mapping as plain frozen values: the only form of the mapping that leaves the driver.

The values hold only tuples, strings and numbers: executors and Connect workers have neither pydantic nor this package.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from delta_neo4j.mapping.types import PropertyType

OnMissing = Literal["merge", "skip", "dead_letter"]
SourceMode = Literal["auto", "append", "cdf", "snapshot"]


@dataclass(frozen=True)
class Input:
    """The origin of a value: a source column, or a Spark SQL expression over columns."""

    text: str
    is_expression: bool = False
    column: str = ""  # of an expression that only makes some words of this column null

    @property
    def source(self) -> Input:
        """The column without such words, or the input itself."""
        return Input(self.column) if self.column else self

    def __str__(self) -> str:
        """Return the input's name for a message."""
        if self.column:
            return f"column {self.column!r}"
        return f"expression {self.text!r}" if self.is_expression else f"column {self.text!r}"


# The input that is the hash of the row's text: `source.ranking` computes it, no source column holds it.
TEXT_HASH = Input("", is_expression=True)


@dataclass(frozen=True)
class Property:
    """A graph property `name` of `type`, filled from `input`; if it is `filterable`, the vector index holds it too."""

    name: str
    input: Input
    type: PropertyType
    filterable: bool = False


@dataclass(frozen=True)
class VectorIndex:
    """A vector index; Neo4j chooses each value that is None."""

    name: str
    dimension: int
    similarity: Literal["cosine", "euclidean"]
    m: int | None = None
    ef_construction: int | None = None
    quantization: bool | None = None


@dataclass(frozen=True)
class TextNodes:
    """Nodes for distinct texts hold the vectors: (row)-[:`relationship`]->(:`label` {text_id, text, embedding})."""

    label: str
    relationship: str


@dataclass(frozen=True)
class Chunks:
    """Chunks of the text hold the vectors: (row)-[:`relationship`]->(:`label` {chunk_id, index, text, embedding})."""

    label: str
    relationship: str
    tokens: int  # largest number of tokens in a chunk, counted by the model's tokenizer
    overlap: int  # number of tokens that a chunk repeats from the previous chunk


@dataclass(frozen=True)
class Embedding:
    """
    The origin of a table's vectors (a text, or ready vectors), and the node that holds them.

    `text`: the parts of a template (inputs, and the literal texts between them); a single column is one part.
    `holder`: None if the row's own node holds the vector.
    """

    property: str
    index: VectorIndex
    text: tuple[Input | str, ...]
    vector: Input | None
    blank_is_dead_letter: bool
    holder: TextNodes | Chunks | None = None


@dataclass(frozen=True)
class FullText:
    """A full-text index on `properties` of the nodes with `label`: the rows' own nodes, or those with their texts."""

    index: str
    label: str
    properties: tuple[str, ...]


def text_property(properties: tuple[Property, ...], embedding: Embedding) -> str | None:
    """Return the name of the property that has the embedded text, or None."""
    return next((p.name for p in properties if (p.input.source,) == embedding.text and p.type == "string"), None)


@dataclass(frozen=True)
class Relationship:
    """
    A relationship that each row has: between the row's node and the end node with the key `end_key`.

    If `retired`, the relationship was in an earlier mapping, and no row has it now.
    """

    type: str
    incoming: bool  # true: (end)-[:TYPE]->(row)
    end_label: str
    end_key: tuple[Property, ...]
    on_missing: OnMissing
    properties: tuple[Property, ...] = ()
    retired: bool = False
    of_text: bool = False  # the end node is the node of the row's text, which the loader owns
    key: tuple[Property, ...] = ()  # tells apart relationships between the same two nodes
    absent: tuple[str, ...] = ()  # properties that the relationship had only in an earlier mapping

    @property
    def identity(self) -> tuple[Property, ...]:
        """The properties that find the relationship among those of the row's node: its end node's key and its own."""
        return (*self.end_key, *self.key)

    @property
    def has_content(self) -> bool:
        """Whether the relationship has properties, now or before, to compare with the graph."""
        return bool(self.properties or self.absent)


@dataclass(frozen=True)
class Edge:
    """The relationship of an edge list: each row is one, from a start node to an end node, both found by key."""

    type: str
    start_label: str
    start_key: tuple[Property, ...]
    end_label: str
    end_key: tuple[Property, ...]
    on_missing: OnMissing
    key: tuple[Property, ...] = ()  # tells apart relationships between the same two nodes


@dataclass(frozen=True)
class Retired:
    """Properties, labels and maps that earlier mappings of a table wrote and this mapping does not write."""

    properties: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()  # prefixes of flattened maps


@dataclass(frozen=True)
class Table:
    """One source and what its rows become: nodes with relationships, or (if `edge` is set) relationships."""

    name: str
    source: str
    labels: tuple[str, ...]
    key: tuple[Property, ...]  # of an edge list: the keys of both ends
    properties: tuple[Property, ...]
    embedding: Embedding | None
    relationships: tuple[Relationship, ...]
    order_by: tuple[Input, ...]
    digest: str  # hash of everything in the mapping that decides what a load writes
    edge: Edge | None = None
    adds_new_columns: bool = False
    retired: Retired = Retired()
    timezone: str = "UTC"  # in which a moment is a date, a local date-time or a text
    listed_types: tuple[str, ...] = ()  # types of relationships in the mapping's edge lists
    fulltext: FullText | None = None
    source_mode: SourceMode | None = None
    sequence_by: tuple[Input, ...] = ()  # columns by which the newest row of a key is known, in any micro-batch
    deleted_when: Input | None = None  # a condition: a row that meets it says that its key is deleted
    keeps_deleted: bool = False  # what the source has no more stays in the graph

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All inputs that the table reads from a source row, each once, in a stable order."""
        found = [p.input for p in (*self.key, *self.properties)]
        if self.embedding:
            found += [part for part in self.embedding.text if isinstance(part, Input)]
            found += [self.embedding.vector] if self.embedding.vector else []
        found += [p.input for r in self.relationships for p in (*r.identity, *r.properties)]
        found += [*self.order_by, *self.sequence_by, *([self.deleted_when] if self.deleted_when else [])]
        return tuple(one for one in dict.fromkeys(found) if one != TEXT_HASH)

    def keys_only(self) -> Table:
        """Return the table without anything but its key; the key's inputs keep their numbers."""
        bare = replace(self, properties=(), embedding=None, relationships=())
        return replace(bare, order_by=(), sequence_by=(), deleted_when=None)

    @property
    def filled(self) -> tuple[Property, ...]:
        """Every property that a row fills: those of its node or edge, of its relationships, and the end keys."""
        related = [p for r in self.relationships for p in (*r.identity, *r.properties)]
        return (*self.key, *self.properties, *related)

    @property
    def keyed_nodes(self) -> tuple[tuple[str, tuple[Property, ...]], ...]:
        """Return (label, key) of the nodes that a row finds by their key: its own or both ends, and the end nodes."""
        if self.edge:
            own = [(self.edge.start_label, self.edge.start_key), (self.edge.end_label, self.edge.end_key)]
        else:
            own = [(self.labels[0], self.key)]
        return (*own, *((r.end_label, r.end_key) for r in self.relationships if not r.retired))

    def siblings(self, relationship: Relationship) -> tuple[Relationship, ...]:
        """
        Return the row's other relationships of the same type and direction.

        An end node may have the labels of both relationships; the edge to it then belongs to both.
        """
        kind = (relationship.type, relationship.incoming)
        others = (r for r in self.relationships if not r.retired and r is not relationship)
        return tuple(r for r in others if (r.type, r.incoming) == kind)

    @property
    def edge_types(self) -> tuple[str, ...]:
        """The relationship types of a row in the order of the passes: its relationships, then its chunks."""
        return (*(r.type for r in self.relationships), *([self.chunks.relationship] if self.chunks else []))

    @property
    def has_text(self) -> bool:
        """Whether a load embeds a text of each row."""
        return self.embedding is not None and bool(self.embedding.text)

    @property
    def shown_text(self) -> str | None:
        """The property that holds the embedded text on the node with the vector, or None."""
        if self.embedding is None or self.embedding.holder:
            return "text" if self.embedding else None
        return text_property(self.properties, self.embedding)

    @property
    def vector_on_row(self) -> Embedding | None:
        """The embedding if the row's own node holds the vector, else None."""
        return self.embedding if self.embedding and self.embedding.holder is None else None

    @property
    def chunks(self) -> Chunks | None:
        """The chunks of the text, or None."""
        holder = self.embedding.holder if self.embedding else None
        return holder if isinstance(holder, Chunks) else None

    @property
    def text_nodes(self) -> TextNodes | None:
        """The nodes of distinct texts, or None."""
        holder = self.embedding.holder if self.embedding else None
        return holder if isinstance(holder, TextNodes) else None


@dataclass(frozen=True)
class Mapping:
    """All tables of a mapping, in the order in which they load."""

    name: str
    tables: tuple[Table, ...]
