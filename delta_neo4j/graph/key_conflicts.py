"""What in a graph keeps a node key from becoming unique, and the statement that removes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delta_neo4j.graph.cypher import schema as schema_text
from delta_neo4j.mapping.identifiers import as_typed, constraint_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.graph.bolt.queries import Queries

_UNIQUE = {"UNIQUENESS", "NODE_PROPERTY_UNIQUENESS", "NODE_KEY"}


def is_unique(session: Queries, label: str, key: tuple[str, ...]) -> bool:
    """Return whether a constraint makes the key of a label's nodes unique, whatever its name."""
    return any(
        row["type"] in _UNIQUE and row["labelsOrTypes"] == [label] and sorted(row["properties"]) == sorted(key)
        for row in session.run(schema_text.SHOW_CONSTRAINTS)
    )


def conflict(session: Queries, label: str, key: tuple[str, ...]) -> str | None:
    """Return one line on what keeps a key from becoming unique, with the statements that help; None if nothing does."""
    shown = f"{label}({', '.join(key)})"
    obstacles = list(_obstacles(session, label, key))
    if obstacles:
        whats, statements = zip(*obstacles, strict=True)
        return f"{shown} cannot be made unique: {' and '.join(whats)}; run {'; '.join(statements)}, then run again"
    twins = session.run(schema_text.duplicates(label, key))
    if not twins:
        return None
    named = ", ".join(f"{', '.join(map(str, twin['key']))} ({twin['nodes']} nodes)" for twin in twins)
    return f"{shown} cannot be made unique, the graph holds duplicates: {named}; merge or remove them and run again"


def _obstacles(session: Queries, label: str, key: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield what stands in the way of the key's constraint, and the statement that removes it."""
    name = constraint_name(label, key)
    constraints, indexes = session.run(schema_text.SHOW_CONSTRAINTS), session.run(schema_text.SHOW_INDEXES)
    if found := taken(name, constraints, indexes):
        yield f"the name {name} is taken by another {found[0]}", found[1]
    for row in indexes:
        # The index of a constraint has the columns in the key's order, so an index with another order is no obstacle.
        if is_plain(row) and row["labelsOrTypes"] == [label] and row["properties"] == list(key) and row["name"] != name:
            yield (
                f"the index {as_typed(row['name'])} is on it, and a constraint brings its own",
                drop_index(row["name"]),
            )


def taken(name: str, constraints: list[dict[str, Any]], indexes: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Return what has a name (`constraint` or `index`) and the statement that drops it; None if the name is free."""
    if any(row["name"] == name for row in constraints):
        return "constraint", f"DROP CONSTRAINT {as_typed(name)}"
    return ("index", drop_index(name)) if any(row["name"] == name for row in indexes) else None


def is_plain(row: dict[str, Any]) -> bool:
    """Return whether a row of SHOW INDEXES is a range index on nodes that belongs to no constraint."""
    return row["type"] == "RANGE" and row["entityType"] == "NODE" and row["owningConstraint"] is None


def drop_index(name: str, owning_constraint: str | None = None) -> str:
    """Return the statement that drops an index; the index of a constraint goes with the constraint."""
    return f"DROP CONSTRAINT {as_typed(owning_constraint)}" if owning_constraint else f"DROP INDEX {as_typed(name)}"
