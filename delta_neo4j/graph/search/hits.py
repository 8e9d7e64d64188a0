"""The hits of a search, as values and as lines to print."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from delta_neo4j.mapping.identifiers import HIDDEN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection

    from delta_neo4j.mapping.plan import Table


@dataclass(frozen=True)
class Neighbour:
    """A node around a hit; `direction` is out if the relationship goes from the hit to the node, else in."""

    relationship: str
    direction: str
    labels: tuple[str, ...]
    key: tuple[Any, ...]
    properties: dict[str, Any]


@dataclass(frozen=True)
class Hit:
    """
    A row that a search found: key values, labels, score (0-1), visible properties, and the text that was found.

    `text` is the row's own text, that of its text node, or its best chunk; None if no property holds it. `neighbours`
    is None unless the search asked for them.
    """

    key: tuple[Any, ...]
    labels: tuple[str, ...]
    score: float
    properties: dict[str, Any]
    text: str | None = None
    neighbours: tuple[Neighbour, ...] | None = None

    def scored(self, score: float) -> Hit:
        """Return the hit with another score."""
        return replace(self, score=score)

    def as_dict(self) -> dict[str, Any]:
        """Return the hit as `search --json` prints it."""
        shown = {name: getattr(self, name) for name in ("key", "labels", "score", "properties", "text")}
        if self.neighbours is not None:
            shown["neighbours"] = [dict(vars(each)) for each in self.neighbours]
        return shown


def lines(hits: list[Hit], limit: int) -> list[str]:
    """Return lines for each of the best `limit` texts: score, first row, number of further rows; text; neighbours."""
    alike: dict[Any, list[Hit]] = {}
    for hit in hits:
        alike.setdefault(hit.key if hit.text is None else hit.text, []).append(hit)
    shown = []
    for group in list(alike.values())[:limit]:
        first, more = group[0], f" and {len(group) - 1} more" if len(group) > 1 else ""
        shown.append(f"{first.score:.3f}  {_named(first)}{more}")
        if first.text is not None:
            shown.append(f"       {first.text}")
        for near in first.neighbours or ():
            arrow = f"<-[:{near.relationship}]-" if near.direction == "in" else f"-[:{near.relationship}]->"
            shown.append(f"       {arrow} {_named(near)}")
    return shown


def _named(node: Hit | Neighbour) -> str:
    return f"{':'.join(node.labels)} {', '.join(map(str, node.key))}"


def visible(properties: dict[str, Any], vectors: Collection[str]) -> dict[str, Any]:
    """Return properties without vectors and without what the loader keeps for itself, times as Python's own."""
    shown = {name: value for name, value in properties.items() if name not in vectors}
    return {name: native(value) for name, value in shown.items() if not name.startswith(HIDDEN_PREFIX)}


def hits_of(table: Table, records: list[dict[str, Any]]) -> list[Hit]:
    """Return records of a search (labels, properties, text, score) as hits, without the vector."""
    vectors = {table.vector_on_row.property} if table.vector_on_row else set()
    found = []
    for record in records:
        properties = visible(record["properties"], vectors)
        key = tuple(properties.get(p.name) for p in table.key)
        text = record["text"] if isinstance(record["text"], str) else None
        found.append(Hit(key, tuple(sorted(record["labels"])), record["score"], properties, text))
    return found


def native(value: Any) -> Any:
    """Return a date or time of the driver as Python's own, any other value unchanged."""
    # The driver's dates and times have no place outside `graph.bolt`, and JSON or pandas cannot read them.
    return value.to_native() if hasattr(value, "to_native") else value
