"""The part of a mapping file for one table: its nodes with relationships, or its edge list."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from delta_neo4j.mapping import null_words, plan
from delta_neo4j.mapping.model_fulltext import FullTextModel  # noqa: TC001  # pydantic reads it at run time
from delta_neo4j.mapping.model_parts import (
    ColumnName,  # noqa: TC001  # pydantic reads it at run time
    Expression,  # noqa: TC001  # pydantic reads it at run time
    SchemaName,  # noqa: TC001  # pydantic reads it at run time
)
from delta_neo4j.mapping.model_properties import ColumnsModel, Key, Properties, without_maps
from delta_neo4j.mapping.model_relationships import (
    EdgeModel,  # noqa: TC001  # pydantic reads it at run time
    RelationshipModel,  # noqa: TC001  # pydantic reads it at run time
)
from delta_neo4j.mapping.model_vectors import EmbeddingModel  # noqa: TC001  # pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.mapping.model_properties import PropertyModel


class TableModel(ColumnsModel):
    """One Delta table: nodes (`labels`, `key`, …) or an edge list (`relationship`)."""

    name: SchemaName = Field(description="name of the checkpoint's folder and of the entry in the summary")
    source: str = Field(min_length=1, description="name or path of a Delta table, or name of another table or a view")
    labels: list[SchemaName] = Field(
        [], description="labels of the row's node; the key's constraint is on the first one"
    )
    key: Key | None = Field(None, description="one property or several that identify a node")
    properties: Properties = Field([], description="properties of the row's node, or of the edge list's relationship")
    embedding: EmbeddingModel | None = Field(None, description="text to embed, and its vector index")
    fulltext: FullTextModel | None = Field(None, description="full-text index, for search by words")
    relationships: list[RelationshipModel] = Field([], description="relationships from or to the row's node")
    relationship: EdgeModel | None = Field(
        None, description="relationship that each row is; makes the table an edge list"
    )
    order_by: list[ColumnName] = Field(
        [], description="columns that order the rows of one key inside a micro-batch, newest last; see sequence_by"
    )
    sequence_by: list[ColumnName] = Field(
        [], description="columns that order the rows of one key, newest last, whichever micro-batch reads them"
    )
    source_mode: plan.SourceMode | None = Field(
        None,
        description="how the source is read: cdf (change data feed), append (new rows), snapshot (all rows), or auto",
    )
    deleted_when: Expression | None = Field(
        None, description="Spark SQL condition over source columns; a row that meets it is deleted from the graph"
    )
    deletes: Literal["remove", "keep"] = Field(
        "remove", description="what becomes of the nodes or relationships of rows that the source has no more"
    )
    new_columns: Literal["ignore", "add"] = Field(
        "ignore",
        description="columns that the mapping does not name: ignore them, or add them as properties",
    )

    @model_validator(mode="after")
    def _nodes_or_edges(self) -> TableModel:
        if self.relationship is None:
            if not self.labels or not self.key:
                raise ValueError("give `labels` and `key` (a table of nodes), or `relationship` (an edge list)")
        elif (
            self.labels
            or self.key
            or self.embedding
            or self.fulltext
            or self.relationships
            or self.new_columns == "add"
        ):
            raise ValueError("an edge list has `relationship`, `properties` and `sequence_by`; remove every other key")
        else:
            without_maps(self.properties)
        return self

    @model_validator(mode="after")
    def _one_order(self) -> TableModel:
        if self.order_by and self.sequence_by:
            raise ValueError("sequence_by replaces order_by; remove order_by")
        return self

    @model_validator(mode="after")
    def _no_name_twice(self) -> TableModel:
        names = [p.property for p in (*(self.key or []), *self.properties, *self._relationship_key)]
        if self.embedding and not (self.embedding.text_nodes or self.embedding.chunks):
            names.append(self.embedding.property)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"property {twice[0]!r} is filled twice; name one otherwise with `property`")
        maps = [f"{p.property}." for p in self.properties if p.type == "map"]
        if inside := [name for name in names if name.startswith(tuple(maps))]:
            raise ValueError(f"property {inside[0]!r} may also be a part of a map; name it otherwise with `property`")
        ends = [((r.type, r.direction, r.end.label), bool(r.key)) for r in self.relationships]
        holder = self.embedding and (self.embedding.text_nodes or self.embedding.chunks)
        if holder:
            ends.append(((holder.relationship, "out", holder.label), False))
        kinds = [kind for kind, _ in ends]
        if any(kinds.count(kind) > 1 and not keyed for kind, keyed in ends):
            raise ValueError(
                "the same relationship type to the same label stands twice: a row that has one node at both ends would "
                "lose one of them; remove one, or give each a `key` that tells them apart"
            )
        if holder and holder.label in self.labels:
            raise ValueError(
                f"{holder.label} is the label of the rows' own nodes; give the nodes of texts or chunks another one"
            )
        return self

    @model_validator(mode="after")
    def _one_key_for_a_type(self) -> TableModel:
        keys: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for related in self.relationships:
            key = key_parts(related.key)
            if keys.setdefault((related.type, related.direction), key) != key:
                raise ValueError(
                    f"relationships {related.type} of one direction have different keys: at an end node with both "
                    "labels one would be taken for the other; give each the same `key`, or another type"
                )
        return self

    @model_validator(mode="after")
    def _filters_beside_the_vector(self) -> TableModel:
        elsewhere = [*(self.key or [])]
        for related in self.relationships:
            elsewhere += [*related.properties, *related.end.key, *related.key]
        if self.relationship:
            elsewhere += [*self.relationship.start.key, *self.relationship.end.key, *self.relationship.key]
        if not self.embedding or self.embedding.text_nodes or self.embedding.chunks:
            elsewhere += self.properties
        if any(p.filterable for p in elsewhere):
            raise ValueError("filterable is for `properties` of a node that holds the vector itself; remove it here")
        return self

    @model_validator(mode="after")
    def _texts_to_search(self) -> TableModel:
        self.planned_fulltext()
        return self

    def planned_fulltext(self) -> plan.FullText | None:
        """Return the full-text index as a value of the plan, None without; raise `ValueError` if it has no text."""
        if self.fulltext is None or self.relationship:
            return None
        properties = tuple(p.planned() for p in (*(self.key or []), *self.properties))
        return self.fulltext.planned(self.labels[0], properties, self.embedding.planned() if self.embedding else None)

    def edge_places(self) -> Iterator[tuple[tuple[str, str, str], str, list[PropertyModel]]]:
        """Yield (type, start label, end label) of every relationship, the part of the table that makes it, its key."""
        if self.relationship:
            edge = self.relationship
            yield (edge.type, edge.start.label, edge.end.label), "the edge list", edge.key
        for related in self.relationships:
            if related.direction == "out":
                yield (related.type, self.labels[0], related.end.label), "the rows, as its start,", related.key
            else:
                yield (related.type, related.end.label, self.labels[0]), "the rows, as its end,", related.key

    @property
    def _relationship_key(self) -> list[PropertyModel]:
        return self.relationship.key if self.relationship else []

    def planned(self) -> plan.Table:
        """Return the table as a value of the plan; its digest covers all keys that decide what a row writes."""
        # An empty key stays out, so that checkpoints of before there was one still fit. So does the full-text index:
        # Neo4j fills it from the nodes, and no row has to be read again for it.
        # A checkpoint compares its source mode itself. `deletes` decides nothing of what a row writes.
        unset: dict[str, Any] = {"source": True, "fulltext": True, "source_mode": True, "deletes": True}
        unset |= {name: True for name in ("deleted_when", "sequence_by") if not getattr(self, name)}
        if not self._relationship_key:
            unset["relationship"] = {"key"}
        if without_key := {number for number, related in enumerate(self.relationships) if not related.key}:
            unset["relationships"] = {number: {"key"} for number in without_key}
        kept = null_words.left_out(self.model_dump(mode="json", exclude=unset))
        content = json.dumps(kept, separators=(",", ":"), ensure_ascii=False)
        embedding = self.embedding.planned() if self.embedding else None
        edge = self.relationship.planned() if self.relationship else None
        relationships = [r.planned() for r in self.relationships]
        if embedding and isinstance(embedding.holder, plan.TextNodes):
            text_id = plan.Property("text_id", plan.TEXT_HASH, "string")
            kind, label = embedding.holder.relationship, embedding.holder.label
            relationships.append(plan.Relationship(kind, False, label, (text_id,), "merge", of_text=True))
        key = (*edge.start_key, *edge.end_key, *edge.key) if edge else tuple(p.planned() for p in self.key or [])
        return plan.Table(
            name=self.name,
            source=self.source,
            labels=tuple(self.labels),
            key=key,
            properties=tuple(p.planned() for p in self.properties),
            embedding=embedding,
            relationships=tuple(relationships),
            order_by=tuple(plan.Input(column) for column in self.order_by),
            sequence_by=tuple(plan.Input(column) for column in self.sequence_by),
            digest=digest(content),
            edge=edge,
            adds_new_columns=self.new_columns == "add",
            fulltext=self.planned_fulltext(),
            source_mode=self.source_mode,
            deleted_when=plan.Input(self.deleted_when, is_expression=True) if self.deleted_when else None,
            keeps_deleted=self.deletes == "keep",
        )


def digest(content: str) -> str:
    """Return the hash of a content, by which a checkpoint knows a mapping again."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def key_parts(key: list[PropertyModel]) -> list[tuple[str, str]]:
    """Return (property, type) of each part of a relationship's own key, sorted: their order does not matter."""
    return sorted((part.property, part.type) for part in key)
