"""The pydantic model of a mapping file: pydantic checks the file, and `planned` turns the model into a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from delta_neo4j.mapping.identifiers import constraint_name
from delta_neo4j.mapping.model_parts import Strict
from delta_neo4j.mapping.model_table import TableModel, digest, key_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.mapping import plan
    from delta_neo4j.mapping.model_properties import PropertyModel
    from delta_neo4j.mapping.model_vectors import IndexModel


class MappingModel(Strict):
    """A whole mapping file."""

    tables: list[TableModel] = Field(min_length=1, description="tables, in the order in which they are loaded")
    timezone: str = Field(
        "UTC",
        pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$",
        description="time zone (as Europe/Berlin) in which a moment is a date, local date-time or text (default UTC)",
    )

    def planned(self) -> tuple[plan.Table, ...]:
        """Return the tables as values of the plan; a time zone is a part of their digests."""
        tables = tuple(table.planned() for table in self.tables)
        if self.timezone == "UTC":
            return tables
        return tuple(replace(t, timezone=self.timezone, digest=digest(t.digest + self.timezone)) for t in tables)

    @model_validator(mode="after")
    def _no_table_twice(self) -> MappingModel:
        if len({t.name for t in self.tables}) < len(self.tables):
            raise ValueError("two tables have the same name; rename one")
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
                    raise ValueError(f"two vector indexes have the name {index.name}; rename one")
                if indexes.setdefault(place, index) != index:
                    raise ValueError(
                        f"the vector index on {'.'.join(place)} is described in two ways; repeat one description"
                    )
                if ready.setdefault(place, bool(table.embedding.vector)) != bool(table.embedding.vector):
                    raise ValueError(
                        f"the vectors of {'.'.join(place)} come from a column and from a text, perhaps of two "
                        "models; give one of them another property"
                    )
        return self

    @model_validator(mode="after")
    def _an_index_has_one_name(self) -> MappingModel:
        vectors = {t.embedding.index.name for t in self.tables if t.embedding}
        texts: dict[str, plan.FullText] = {}
        for table in self.tables:
            fulltext = table.planned_fulltext()
            if fulltext and (fulltext.index in vectors or texts.setdefault(fulltext.index, fulltext) != fulltext):
                raise ValueError(f"two indexes have the name {fulltext.index}; rename the full-text index")
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
                        f"the key {label}.{part.property} is of type {held} in one place and of type {part.type} in "
                        "another: the one never finds a node of the other; give both the same type"
                    )
            node_key = (label, tuple(part.property for part in key))
            name = constraint_name(*node_key)
            if named.setdefault(name, node_key) != node_key:
                raise ValueError(
                    f"the keys {_shown(named[name])} and {_shown(node_key)} would both have the constraint {name}; "
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
        places: dict[tuple[str, str, str], tuple[str, str, list[PropertyModel]]] = {}
        # Two labels of one table are two names of its nodes.
        first = {label: table.labels[0] for table in self.tables for label in reversed(table.labels)}
        for table in self.tables:
            for named, place, key in table.edge_places():
                start, end = (first.get(label, label) for label in named[1:])
                kind = (named[0], start, end)
                held, name, held_key = places.setdefault(kind, (place, table.name, key))
                if held == place and key_parts(key) != key_parts(held_key):
                    raise ValueError(
                        f"relationship {kind[0]} from {kind[1]} to {kind[2]} has one `key` in {name} and another in "
                        f"{table.name}: one would be taken for the other; give both the same `key`"
                    )
                if name != table.name and table.relationship and held == place and not key:
                    raise ValueError(
                        f"the edge lists {name} and {table.name} both write {kind[0]} from {kind[1]} to {kind[2]}: a "
                        "relationship in both would be one, with the properties of the last; give each a `key` (the "
                        "columns that tell its relationships apart), or make one table of them"
                    )
                if held != place:
                    raise ValueError(
                        f"relationship {kind[0]} comes from {held} of {name} and from {place} of {table.name}: each "
                        "would delete the other's; keep one"
                    )
        return self


def _shown(key: tuple[str, tuple[str, ...]]) -> str:
    return f"{key[0]}({', '.join(key[1])})"
