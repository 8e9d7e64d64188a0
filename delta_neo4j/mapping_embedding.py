"""What a mapping file may say of vectors: what is embedded, which node holds the vector, and its index."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from delta_neo4j import expressions, plan
from delta_neo4j.errors import MappingError
from delta_neo4j.mapping_names import ColumnName, PropertyName, SchemaName, Strict


class IndexModel(Strict):
    """The vector index; unset figures are the server's."""

    name: SchemaName = Field(description="the index's name in Neo4j")
    dimension: int = Field(384, ge=1, le=4096, description="values of a vector; MiniLM gives 384")
    similarity: Literal["cosine", "euclidean"] = Field("cosine", description="how near two vectors are")
    m: int | None = Field(None, ge=1, le=512, description="connections a vector in the index's graph")
    ef_construction: int | None = Field(None, ge=1, le=3200, description="neighbours looked at for each new vector")
    quantization: bool | None = Field(None, description="whether the index keeps its vectors smaller, less exact")


class TextNodesModel(Strict):
    """One node a distinct text, which holds the vector; rows point at it."""

    label: SchemaName = Field(description="of the nodes that stand for texts; nobody else's")
    relationship: SchemaName = Field(description="from each row's node to the node of its text")

    def planned(self) -> plan.TextNodes:
        """Give the plain form."""
        return plan.TextNodes(self.label, self.relationship)


class ChunksModel(Strict):
    """Pieces of a long text, by the model's tokens; each is a node with its vector."""

    label: SchemaName = Field("Chunk", description="of the pieces' nodes; nobody else's")
    relationship: SchemaName = Field("HAS_CHUNK", description="from the row's node to each piece")
    tokens: int = Field(200, ge=8, le=254, description="tokens a piece at most; MiniLM reads 254")
    overlap: int = Field(40, ge=0, description="tokens that a piece repeats of the one before")

    @model_validator(mode="after")
    def _moves_on(self) -> ChunksModel:
        if self.overlap * 2 > self.tokens:
            raise ValueError("an overlap of more than half a piece would repeat every word several times")
        return self

    def planned(self) -> plan.Chunks:
        """Give the plain form."""
        return plan.Chunks(self.label, self.relationship, self.tokens, self.overlap)


class EmbeddingModel(Strict):
    """What is embedded (the text of `text` or `template`, or ready vectors from `vector`) and which node holds it."""

    text: ColumnName | None = Field(None, description="the column to embed")
    template: str | None = Field(None, description="a text over columns, as in '{part}: {finding}'")
    vector: ColumnName | None = Field(None, description="a column of ready vectors, array<float>")
    blank_text: Literal["load", "dead_letter"] = Field("load", description="a row without text: a node without vector")
    property: PropertyName = Field("embedding", description="where the vector is kept")
    index: IndexModel = Field(description="the vector index on that property")
    text_nodes: TextNodesModel | None = Field(None, description="the vector on one node a distinct text")
    chunks: ChunksModel | None = Field(None, description="the vectors on pieces of a long text")

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
            raise ValueError("the vector is on nodes of texts or on chunks, not on both")
        holder = self.text_nodes or self.chunks
        if self.vector is not None and holder:
            raise ValueError("ready vectors belong to rows: `text_nodes` and `chunks` need a text")
        taken = ("text_id", "text") if self.text_nodes else ("chunk_id", "index", "text") if self.chunks else ()
        if self.property in taken:
            raise ValueError(f"{self.property!r} is what the node that holds the vector calls something else")
        return self

    def planned(self) -> plan.Embedding:
        """Give the plain form."""
        text = expressions.template(self.template) if self.template else (plan.Input(self.text),) if self.text else ()
        vector = plan.Input(self.vector) if self.vector else None
        holder = self.text_nodes or self.chunks
        index = plan.VectorIndex(**self.index.model_dump())
        blank = self.blank_text == "dead_letter"
        return plan.Embedding(self.property, index, text, vector, blank, holder.planned() if holder else None)
