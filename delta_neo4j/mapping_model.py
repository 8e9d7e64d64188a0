"""What a mapping file may say: validated, and turned into a plan."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from delta_neo4j import plan
from delta_neo4j.cypher.schema import constraint_name
from delta_neo4j.mapping_embedding import EmbeddingModel  # noqa: TC001  # pydantic looks it up while it runs
from delta_neo4j.mapping_names import ColumnName, Expression, PropertyName, SchemaName, Strict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.mapping_embedding import IndexModel

KEY_TYPES = ("string", "integer", "boolean", "date", "datetime", "local_datetime")


class PropertyModel(Strict):
    """A value of a row as a graph property; one made from a column keeps the column's name unless told."""

    column: ColumnName | None = Field(None, description="the source column, by its exact name")
    expression: Expression | None = Field(None, description="Spark SQL over the source's columns, instead of `column`")
    property: PropertyName = Field("", description="the property's name in the graph; default: the column's")
    type: plan.PropertyType = Field("string", description="the property's type; values are cast to it")
    filterable: bool = Field(False, description="goes into the vector index too, for SEARCH … WHERE (Neo4j 2026.01)")

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


def _each_once(properties: list[PropertyModel]) -> list[PropertyModel]:
    names = [each.property for each in properties]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"property {twice[0]!r} is filled twice")
    return properties


def _of_an_edge(properties: list[PropertyModel]) -> list[PropertyModel]:
    for each in properties:
        if each.type == "map":  # which keys it had before is looked for on nodes alone
            raise ValueError(f"property {each.property!r}: a relationship takes no map; type json keeps it as text")
    return properties


Key = Annotated[list[PropertyModel], Field(min_length=1), AfterValidator(_usable_as_key)]
Properties = Annotated[list[PropertyModel], AfterValidator(_each_once)]


class EndModel(Strict):
    """A node that a relationship finds by its key."""

    label: SchemaName = Field(description="the label by which the node is found")
    key: Key = Field(description="the node's key, filled from this row; one that is null is no relationship")


class RelationshipModel(Strict):
    """A relationship from each row; `direction` is seen from the row's node."""

    type: SchemaName = Field(description="the relationship's type")
    direction: Literal["in", "out"] = Field("out", description="out: from the row's node to the end; in: to the row's")
    end: EndModel = Field(description="the node at the other end")
    on_missing: plan.OnMissing = Field("merge", description="what happens where there is no end node")
    properties: Annotated[Properties, AfterValidator(_of_an_edge)] = Field([], description="of the relationship")

    def planned(self) -> plan.Relationship:
        """Give the plain form."""
        key, properties = (tuple(p.planned() for p in parts) for parts in (self.end.key, self.properties))
        incoming = self.direction == "in"
        return plan.Relationship(self.type, incoming, self.end.label, key, self.on_missing, properties)


class EdgeModel(Strict):
    """What each row of an edge list is: a relationship between two nodes, each found by its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: SchemaName = Field(description="the relationships' type")
    start: EndModel = Field(alias="from", description="the node where it begins")
    end: EndModel = Field(alias="to", description="the node where it ends")
    on_missing: plan.OnMissing = Field("merge", description="what happens where a node is not there")

    def planned(self) -> plan.Edge:
        """Give the plain form."""
        start, end = (tuple(p.planned() for p in one.key) for one in (self.start, self.end))
        return plan.Edge(self.type, self.start.label, start, self.end.label, end, self.on_missing)


class TableModel(Strict):
    """One Delta table: nodes (`labels`, `key`, …) or an edge list (`relationship`)."""

    name: SchemaName = Field(description="of the checkpoint's folder and the summary's entry")
    source: str = Field(min_length=1, description="a table's name or path")
    labels: list[SchemaName] = Field([], description="of the row's node; the first one carries the key's constraint")
    key: Key | None = Field(None, description="what tells one node from another; one property or several")
    properties: Properties = Field([], description="of the row's node, or of an edge list's relationship")
    embedding: EmbeddingModel | None = Field(None, description="the vector on a text, and its index")
    relationships: list[RelationshipModel] = Field([], description="from or to the row's node")
    relationship: EdgeModel | None = Field(None, description="an edge list: each row is a relationship")
    order_by: list[ColumnName] = Field([], description="which row of one key is the newest, by these columns")
    new_columns: Literal["ignore", "add"] = Field("ignore", description="columns that the mapping does not name")

    @model_validator(mode="after")
    def _nodes_or_edges(self) -> TableModel:
        if self.relationship is None:
            if not self.labels or not self.key:
                raise ValueError("give `labels` and `key` (a table of nodes), or `relationship` (an edge list)")
        elif self.labels or self.key or self.embedding or self.relationships or self.new_columns == "add":
            raise ValueError("an edge list has `relationship`, `properties` and `order_by`, and nothing of nodes")
        else:
            _of_an_edge(self.properties)
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
        if holder and holder.label in self.labels:
            raise ValueError(f"{holder.label} is the label of the rows' own nodes; the nodes of texts need another")
        return self

    @model_validator(mode="after")
    def _filters_beside_the_vector(self) -> TableModel:
        elsewhere = [*(self.key or [])]
        for related in self.relationships:
            elsewhere += [*related.properties, *related.end.key]
        if self.relationship:
            elsewhere += [*self.relationship.start.key, *self.relationship.end.key]
        if not self.embedding or self.embedding.text_nodes or self.embedding.chunks:
            elsewhere += self.properties
        if any(p.filterable for p in elsewhere):
            raise ValueError("filterable is for `properties` of a node that holds the vector itself")
        return self

    def edge_places(self) -> Iterator[tuple[tuple[str, str, str], str]]:
        """Give (type, first label, last label) of every relationship, with where in the table it comes from."""
        if self.relationship:
            edge = self.relationship
            yield (edge.type, edge.start.label, edge.end.label), "the edge list"
        for related in self.relationships:
            if related.direction == "out":
                yield (related.type, self.labels[0], related.end.label), "the rows, as its start,"
            else:
                yield (related.type, related.end.label, self.labels[0]), "the rows, as its end,"

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


class MappingModel(Strict):
    """A whole mapping file."""

    tables: list[TableModel] = Field(min_length=1, description="loaded in this order")

    @model_validator(mode="after")
    def _no_table_twice(self) -> MappingModel:
        if len({t.name for t in self.tables}) < len(self.tables):
            raise ValueError("two tables have the same name")
        return self

    @model_validator(mode="after")
    def _an_index_has_one_place(self) -> MappingModel:
        places: dict[str, tuple[str, str]] = {}
        indexes: dict[tuple[str, str], IndexModel] = {}
        ready: dict[tuple[str, str], bool] = {}
        for table in self.tables:
            if table.embedding:
                holder = table.embedding.text_nodes or table.embedding.chunks
                place = (holder.label if holder else table.labels[0], table.embedding.property)
                index = table.embedding.index
                if places.setdefault(index.name, place) != place:
                    raise ValueError(f"two vector indexes have the name {index.name}")
                if indexes.setdefault(place, index) != index:
                    raise ValueError(f"the vector index on {'.'.join(place)} is described in two ways")
                if ready.setdefault(place, bool(table.embedding.vector)) != bool(table.embedding.vector):
                    raise ValueError(
                        f"the vectors of {'.'.join(place)} come from a column and from a text: two models in one "
                        "index; give one of them another property"
                    )
        return self

    @model_validator(mode="after")
    def _a_key_is_one_key(self) -> MappingModel:
        types: dict[tuple[str, str], str] = {}
        named: dict[str, tuple[str, tuple[str, ...]]] = {}
        for label, key in self._node_keys():
            for part in key:
                held = types.setdefault((label, part.property), part.type)
                if held != part.type:
                    raise ValueError(
                        f"the key {label}.{part.property} is of type {held} and elsewhere of type {part.type}: the one "
                        "would never find the other's nodes"
                    )
            ours = (label, tuple(part.property for part in key))
            name = constraint_name(*ours)
            if named.setdefault(name, ours) != ours:
                raise ValueError(
                    f"the keys {_shown(named[name])} and {_shown(ours)} would both have the constraint {name}; "
                    "rename a label or a property"
                )
        return self

    def _node_keys(self) -> Iterator[tuple[str, list[PropertyModel]]]:
        for table in self.tables:
            ends = [related.end for related in table.relationships]
            ends += [table.relationship.start, table.relationship.end] if table.relationship else []
            if table.key:
                yield table.labels[0], table.key
            yield from ((end.label, end.key) for end in ends)

    @model_validator(mode="after")
    def _an_edge_comes_from_one_place(self) -> MappingModel:
        places: dict[tuple[str, str, str], tuple[str, str]] = {}
        for table in self.tables:
            for kind, place in table.edge_places():
                held, name = places.setdefault(kind, (place, table.name))
                if held != place:
                    raise ValueError(
                        f"relationship {kind[0]} comes from {held} of {name} and from {place} of {table.name}: each "
                        "would take the other's away; keep one"
                    )
        return self


def _shown(key: tuple[str, tuple[str, ...]]) -> str:
    return f"{key[0]}({', '.join(key[1])})"
