"""What a mapping file may say: validated, and turned into a plan."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from delta_neo4j import expressions, plan
from delta_neo4j.errors import MappingError
from delta_neo4j.identifiers import property_name, schema_name


def _name_check(check: Any) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            check(value)
        except MappingError as error:
            raise ValueError(str(error)) from error
        return value

    return AfterValidator(validate)


SchemaName = Annotated[str, _name_check(schema_name)]
PropertyName = Annotated[str, _name_check(property_name)]
ColumnName = Annotated[str, Field(min_length=1)]
Expression = Annotated[str, Field(min_length=1), _name_check(expressions.stable)]
KEY_TYPES = ("string", "integer", "boolean", "date", "datetime", "local_datetime")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PropertyModel(_Strict):
    """A value of a row as a graph property; one made from a column keeps the column's name unless told."""

    column: ColumnName | None = Field(None, description="the source column, by its exact name")
    expression: Expression | None = Field(None, description="Spark SQL over the source's columns, instead of `column`")
    property: PropertyName = Field("", description="the property's name in the graph; default: the column's")
    type: plan.PropertyType = Field("string", description="the property's type; values are cast to it")
    filterable: bool = Field(False, description="search may filter by it inside the vector index (Neo4j 2026.01)")

    @model_validator(mode="before")
    @classmethod
    def _named_after_column(cls, data: object) -> object:
        if isinstance(data, dict) and "property" not in data and isinstance(data.get("column"), str):
            return {**data, "property": data["column"]}
        return data

    @model_validator(mode="after")
    def _one_origin(self) -> PropertyModel:
        if (self.column is None) == (self.expression is None):
            raise ValueError("give either `column` or `expression`")
        if not self.property:
            raise ValueError("an expression needs a name: give `property`")
        if self.filterable and self.type not in (*KEY_TYPES, "float"):
            raise ValueError(f"a property of type {self.type} cannot be filterable; single values can")
        return self

    def planned(self) -> plan.Property:
        """Give the plain form."""
        made_from = (
            plan.Input(self.expression, is_expression=True) if self.expression else plan.Input(self.column or "")
        )
        return plan.Property(self.property, made_from, self.type, self.filterable)


def _usable_as_key(parts: list[PropertyModel]) -> list[PropertyModel]:
    for part in parts:
        if part.type not in KEY_TYPES:
            raise ValueError(f"a key of type {part.type} cannot be found again; use one of {', '.join(KEY_TYPES)}")
    if len({part.property for part in parts}) < len(parts):
        raise ValueError("a key names one property twice")
    return parts


Key = Annotated[list[PropertyModel], Field(min_length=1), AfterValidator(_usable_as_key)]


class IndexModel(_Strict):
    """The vector index; unset figures are the server's."""

    name: SchemaName
    dimension: int = Field(384, ge=1, le=4096)
    similarity: Literal["cosine", "euclidean"] = "cosine"
    m: int | None = Field(None, ge=1, le=512)
    ef_construction: int | None = Field(None, ge=1, le=3200)
    quantization: bool | None = None


class TextNodesModel(_Strict):
    """One node a distinct text, which holds the vector; rows point at it."""

    label: SchemaName
    relationship: SchemaName

    def planned(self) -> plan.TextNodes:
        """Give the plain form."""
        return plan.TextNodes(self.label, self.relationship)


class ChunksModel(_Strict):
    """Pieces of a long text, by the model's tokens; each is a node with its vector."""

    label: SchemaName = "Chunk"
    relationship: SchemaName = "HAS_CHUNK"
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


class EmbeddingModel(_Strict):
    """What is embedded (the text of `text` or `template`, or ready vectors from `vector`) and which node holds it."""

    text: ColumnName | None = Field(None, description="the column to embed")
    template: str | None = Field(None, description="a text over columns, as in '{part}: {finding}'")
    vector: ColumnName | None = Field(None, description="a column of ready vectors, array<float>")
    blank_text: Literal["load", "dead_letter"] = "load"
    property: PropertyName = "embedding"
    index: IndexModel
    text_nodes: TextNodesModel | None = None
    chunks: ChunksModel | None = None

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


class EndModel(_Strict):
    """A node that a relationship finds by its key."""

    label: SchemaName
    key: Key


class RelationshipModel(_Strict):
    """A relationship from each row; `direction` is seen from the row's node."""

    type: SchemaName
    direction: Literal["in", "out"] = "out"
    end: EndModel
    on_missing: plan.OnMissing = Field("merge", description="what happens where there is no end node")
    properties: list[PropertyModel] = []

    def planned(self) -> plan.Relationship:
        """Give the plain form."""
        key, properties = (tuple(p.planned() for p in parts) for parts in (self.end.key, self.properties))
        incoming = self.direction == "in"
        return plan.Relationship(self.type, incoming, self.end.label, key, self.on_missing, properties)


class EdgeModel(_Strict):
    """What each row of an edge list is: a relationship between two nodes, each found by its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: SchemaName
    start: EndModel = Field(alias="from")
    end: EndModel = Field(alias="to")
    on_missing: plan.OnMissing = Field("merge", description="what happens where a node is not there")

    def planned(self) -> plan.Edge:
        """Give the plain form."""
        start, end = (tuple(p.planned() for p in one.key) for one in (self.start, self.end))
        return plan.Edge(self.type, self.start.label, start, self.end.label, end, self.on_missing)


class TableModel(_Strict):
    """One Delta table: nodes (`labels`, `key`, …) or an edge list (`relationship`)."""

    name: SchemaName
    source: str = Field(min_length=1, description="a table's name or path")
    labels: list[SchemaName] = []
    key: Key | None = None
    properties: list[PropertyModel] = []
    embedding: EmbeddingModel | None = None
    relationships: list[RelationshipModel] = []
    relationship: EdgeModel | None = None
    order_by: list[ColumnName] = Field([], description="which row of one key is the newest, by these columns")
    new_columns: Literal["ignore", "add"] = Field("ignore", description="columns that the mapping does not name")

    @model_validator(mode="after")
    def _nodes_or_edges(self) -> TableModel:
        if self.relationship is None:
            if not self.labels or not self.key:
                raise ValueError("give `labels` and `key` (a table of nodes), or `relationship` (an edge list)")
        elif self.labels or self.key or self.embedding or self.relationships or self.new_columns == "add":
            raise ValueError("an edge list has `relationship`, `properties` and `order_by`, and nothing of nodes")
        return self

    @model_validator(mode="after")
    def _no_name_twice(self) -> TableModel:
        names = [p.property for p in (*(self.key or []), *self.properties)]
        if self.embedding and not (self.embedding.text_nodes or self.embedding.chunks):
            names.append(self.embedding.property)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"property {twice[0]!r} is filled twice")
        ends = [(r.type, r.direction, r.end.label) for r in self.relationships]
        holder = self.embedding and (self.embedding.text_nodes or self.embedding.chunks)
        if holder:
            ends.append((holder.relationship, "out", holder.label))
        if len(set(ends)) < len(ends):
            raise ValueError("the same relationship type to the same label stands twice")
        if holder and any(p.filterable for p in self.properties):
            raise ValueError(
                "the vector index filters by properties of its own nodes: filterable needs the vector there"
            )
        return self

    def planned(self) -> plan.Table:
        """Give the plain form, with a digest over all that decides what is written."""
        settled = self.model_dump_json(exclude={"source"})
        embedding = self.embedding.planned() if self.embedding else None
        edge = self.relationship.planned() if self.relationship else None
        relationships = [r.planned() for r in self.relationships]
        if embedding and isinstance(embedding.holder, plan.TextNodes):
            text_id = plan.Property("text_id", plan.TEXT_HASH, "string")
            kind, label = embedding.holder.relationship, embedding.holder.label
            relationships.append(plan.Relationship(kind, False, label, (text_id,), "merge", of_text=True))
        key = (*edge.start_key, *edge.end_key) if edge else tuple(p.planned() for p in self.key or [])
        return plan.Table(
            name=self.name,
            source=self.source,
            labels=tuple(self.labels),
            key=key,
            properties=tuple(p.planned() for p in self.properties),
            embedding=embedding,
            relationships=tuple(relationships),
            order_by=tuple(plan.Input(column) for column in self.order_by),
            digest=hashlib.sha256(settled.encode()).hexdigest()[:16],
            edge=edge,
            adds_new_columns=self.new_columns == "add",
        )


class MappingModel(_Strict):
    """A whole mapping file."""

    tables: list[TableModel] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_table_twice(self) -> MappingModel:
        if len({t.name for t in self.tables}) < len(self.tables):
            raise ValueError("two tables have the same name")
        return self
