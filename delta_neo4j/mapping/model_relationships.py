"""The part of a mapping file for relationships: those of a row's node, and those of an edge list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from delta_neo4j.mapping import plan
from delta_neo4j.mapping.model_parts import SchemaName, Strict
from delta_neo4j.mapping.model_properties import Key, Properties, RelationshipKey, each_once, without_maps

_KEY = (
    "columns that tell apart relationships of this type between the same two nodes; each becomes a property of the "
    "relationship. Without it there is one relationship from a node to another"
)


class EndModel(Strict):
    """A node at one end of a relationship, found by its key."""

    label: SchemaName = Field(description="label of the node")
    key: Key = Field(description="key of the node, filled from this row; a null key means no relationship")


class RelationshipModel(Strict):
    """A relationship of each row, between the row's node and an end node."""

    type: SchemaName = Field(description="type of the relationship")
    direction: Literal["in", "out"] = Field(
        "out", description="out: from the row's node to the end node; in: from the end node to the row's node"
    )
    end: EndModel = Field(description="end node")
    key: RelationshipKey = Field([], description=_KEY)
    on_missing: plan.OnMissing = Field(
        "merge",
        description="what to do if the end node does not exist: create it (merge), skip the relationship, or make the "
        "row a dead letter",
    )
    properties: Annotated[Properties, AfterValidator(without_maps)] = Field(
        [], description="properties of the relationship"
    )

    @model_validator(mode="after")
    def _no_name_twice(self) -> RelationshipModel:
        each_once([*self.key, *self.properties])
        return self

    def planned(self) -> plan.Relationship:
        """Return this part of the plan."""
        lists = (self.end.key, self.properties, self.key)
        end_key, properties, key = (tuple(p.planned() for p in parts) for parts in lists)
        incoming = self.direction == "in"
        return plan.Relationship(self.type, incoming, self.end.label, end_key, self.on_missing, properties, key=key)


class EdgeModel(Strict):
    """The relationship type of an edge list: each row is one relationship between two nodes, found by their keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: SchemaName = Field(description="type of the relationships")
    start: EndModel = Field(alias="from", description="start node")
    end: EndModel = Field(alias="to", description="end node")
    key: RelationshipKey = Field([], description=_KEY)
    on_missing: plan.OnMissing = Field(
        "merge",
        description="what to do if one of the nodes does not exist: create it (merge), skip the relationship, or make "
        "the row a dead letter",
    )

    def planned(self) -> plan.Edge:
        """Return this part of the plan."""
        start, end, own = (tuple(p.planned() for p in key) for key in (self.start.key, self.end.key, self.key))
        return plan.Edge(self.type, self.start.label, start, self.end.label, end, self.on_missing, own)
