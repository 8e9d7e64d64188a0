"""The part of a mapping file for full-text search: the index on texts of a table's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from delta_neo4j.mapping import plan
from delta_neo4j.mapping.model_parts import PropertyName, SchemaName, Strict

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Embedding, Property

_TEXTS = ("string", "list<string>")


class FullTextModel(Strict):
    """The full-text index: on the embedded text, or on `properties` of the row's own node."""

    index: SchemaName = Field(description="name of the index in Neo4j")
    properties: list[PropertyName] = Field(
        [],
        description="properties of the row's node that the index covers, of type string or list<string>; without it "
        "the index is on the embedded text",
    )

    def planned(self, label: str, properties: tuple[Property, ...], embedding: Embedding | None) -> plan.FullText:
        """
        Return the index as a value of the plan; raise `ValueError` if it would cover no text.

        `label` and `properties` are those of the row's node, keys included.
        """
        texts = [p.name for p in properties if p.type in _TEXTS]
        for name in self.properties:
            if name not in texts:
                raise ValueError(f"the full-text index covers {name!r}, which is no property of type string here")
        if self.properties:
            return plan.FullText(self.index, label, tuple(dict.fromkeys(self.properties)))
        if embedding and embedding.holder:
            return plan.FullText(self.index, embedding.holder.label, ("text",))
        text = plan.text_property(properties, embedding) if embedding else None
        if text is None:
            raise ValueError("no property has the embedded text, so name the `properties` of the full-text index")
        return plan.FullText(self.index, label, (text,))
