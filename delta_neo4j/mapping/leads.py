"""The relationships that rows have to nodes of a table, and that go and wait when such a node goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.mapping.plan import Edge, Relationship, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Lead:
    """
    Relationships with `on_missing: skip` or `dead_letter` of the rows of `table`, which lead to nodes of another table.

    `kind`: the relationship, or that of the edge list; `at_start`: whether the nodes are start nodes of the edge list.
    `tokens`: the source tokens, each with a colon, of the rows that the table's loads can read again.
    """

    table: Table
    kind: Relationship | Edge
    tokens: tuple[str, ...]
    at_start: bool = False

    @property
    def leaves_node(self) -> bool:
        """Whether the relationships begin at the nodes that rows lead to."""
        return self.at_start if isinstance(self.kind, Edge) else self.kind.incoming

    @property
    def near_label(self) -> str:
        """The label by which rows find the nodes."""
        if isinstance(self.kind, Edge):
            return self.kind.start_label if self.at_start else self.kind.end_label
        return self.kind.end_label

    @property
    def far_label(self) -> str:
        """The label of the nodes at the other end."""
        if isinstance(self.kind, Edge):
            return self.kind.end_label if self.at_start else self.kind.start_label
        return self.table.labels[0]


def leads(table: Table, mapped: Iterable[Table], tokens: Mapping[str, tuple[str, ...]]) -> tuple[Lead, ...]:
    """Return what leads to nodes of the table from rows of the `mapped` tables, whose names `tokens` has."""
    if table.edge:
        return ()
    return tuple(lead for other in mapped if other.name in tokens for lead in _of(other, table, tokens[other.name]))


def _of(other: Table, table: Table, tokens: tuple[str, ...]) -> list[Lead]:
    found: list[Lead] = []
    if other.keeps_deleted:  # rows that are gone from the table cannot be read again
        return found
    if other.edge and other.edge.on_missing != "merge":
        found += [Lead(other, other.edge, tokens, at_start) for at_start in (True, False)]
    found += [Lead(other, each, tokens) for each in other.relationships if _waits(other, each, table)]
    return [lead for lead in found if lead.near_label in table.labels]


def _waits(other: Table, relationship: Relationship, table: Table) -> bool:
    """Return whether nothing else of a row makes the end node: a sibling whose end it may be would merge it."""
    siblings = (each for each in other.siblings(relationship) if each.end_label in table.labels)
    return "merge" not in {relationship.on_missing, *(each.on_missing for each in siblings)}
