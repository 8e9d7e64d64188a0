"""The part of a mapping file for vectors: the text to embed, the node that holds the vector, and its index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from delta_neo4j.errors import MappingError
from delta_neo4j.mapping import expressions, plan
from delta_neo4j.mapping.model_parts import ColumnName, PropertyName, SchemaName, Strict


class IndexModel(Strict):
    """The vector index; Neo4j chooses each value that is unset."""

    name: SchemaName = Field(description="name of the index in Neo4j")
    dimension: int = Field(384, ge=1, le=4096, description="number of values in a vector; MiniLM's have 384")
    similarity: Literal["cosine", "euclidean"] = Field(
        "cosine", description="how the similarity of two vectors is computed"
    )
    m: int | None = Field(None, ge=1, le=512, description="connections of a vector in the index's graph")
    ef_construction: int | None = Field(None, ge=1, le=3200, description="neighbours considered for each new vector")
    quantization: bool | None = Field(None, description="whether the index compresses its vectors, which is less exact")


class TextNodesModel(Strict):
    """Nodes for texts: one node for each distinct text holds the vector, and rows have a relationship to it."""

    label: SchemaName = Field(description="label of the nodes for texts; no other node may have it")
    relationship: SchemaName = Field(description="type of the relationship from a row's node to the node of its text")

    def planned(self) -> plan.TextNodes:
        """Return this part of the plan."""
        return plan.TextNodes(self.label, self.relationship)


class ChunksModel(Strict):
    """Chunks of a long text, cut by the model's tokens; each chunk is a node with a vector."""

    label: SchemaName = Field("Chunk", description="label of the nodes for chunks; no other node may have it")
    relationship: SchemaName = Field(
        "HAS_CHUNK", description="type of the relationship from the row's node to each chunk"
    )
    tokens: int = Field(200, ge=8, le=254, description="largest number of tokens in a chunk; MiniLM reads 254")
    overlap: int = Field(40, ge=0, description="number of tokens that a chunk repeats from the previous chunk")

    @model_validator(mode="after")
    def _moves_on(self) -> ChunksModel:
        if self.overlap * 2 > self.tokens:
            raise ValueError(
                "`overlap` is more than half of `tokens`: every word would be in many chunks; make it smaller"
            )
        return self

    def planned(self) -> plan.Chunks:
        """Return this part of the plan."""
        return plan.Chunks(self.label, self.relationship, self.tokens, self.overlap)


class EmbeddingModel(Strict):
    """The vectors of a table (of a text from `text` or `template`, or ready ones from `vector`) and their node."""

    text: ColumnName | None = Field(None, description="column with the text to embed")
    template: str | None = Field(None, description="text to embed, made of columns, as in '{part}: {finding}'")
    vector: ColumnName | None = Field(None, description="column with ready vectors, array<float>")
    blank_text: Literal["load", "dead_letter"] = Field(
        "load", description="outcome of a row without text: a node without a vector, or a dead letter"
    )
    property: PropertyName = Field("embedding", description="property that holds the vector")
    index: IndexModel = Field(description="vector index on that property")
    text_nodes: TextNodesModel | None = Field(None, description="one node for each distinct text holds the vector")
    chunks: ChunksModel | None = Field(None, description="one node for each chunk of the text holds its vector")

    @model_validator(mode="after")
    def _one_origin(self) -> EmbeddingModel:
        if [self.text, self.template, self.vector].count(None) != 2:  # noqa: PLR2004
            raise ValueError("give one of `text` (a column to embed), `template` and `vector` (ready vectors)")
        if self.template is not None:
            try:
                expressions.template(self.template)
            except MappingError as error:
                raise ValueError(str(error)) from error
        if self.text_nodes and self.chunks:
            raise ValueError(
                "the vector is on nodes of texts or on chunks, not on both; remove `text_nodes` or `chunks`"
            )
        holder = self.text_nodes or self.chunks
        if self.vector is not None and holder:
            raise ValueError(
                "ready vectors belong to rows, so `vector` cannot stand with `text_nodes` or `chunks`; give `text`"
            )
        taken = ("text_id", "text") if self.text_nodes else ("chunk_id", "index", "text") if self.chunks else ()
        if self.property in taken:
            raise ValueError(
                f"the node that holds the vector has another property {self.property!r}; rename `property`"
            )
        return self

    def planned(self) -> plan.Embedding:
        """Return this part of the plan."""
        text = expressions.template(self.template) if self.template else (plan.Input(self.text),) if self.text else ()
        vector = plan.Input(self.vector) if self.vector else None
        holder = self.text_nodes or self.chunks
        index = plan.VectorIndex(**self.index.model_dump())
        blank = self.blank_text == "dead_letter"
        return plan.Embedding(self.property, index, text, vector, blank, holder.planned() if holder else None)
