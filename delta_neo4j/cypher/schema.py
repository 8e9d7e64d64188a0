"""Constraints and vector indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.identifiers import quoted, snake_case

if TYPE_CHECKING:
    from delta_neo4j.plan import VectorIndex


def constraint_name(label: str, key: tuple[str, ...]) -> str:
    """Name a node key's constraint: RemovalEvent(removal_id) → removal_event_removal_id_unique."""
    return "_".join([snake_case(label), *(snake_case(name) for name in key), "unique"])


def create_constraint(label: str, key: tuple[str, ...]) -> str:
    """Build the uniqueness constraint on a node key."""
    columns = ", ".join(f"n.{quoted(name)}" for name in key)
    name = quoted(constraint_name(label, key))
    return f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{quoted(label)}) REQUIRE ({columns}) IS UNIQUE"


def duplicates(label: str, key: tuple[str, ...], limit: int = 5) -> str:
    """Build the query that names keys which stand on several nodes: rows of (key, nodes)."""
    columns = ", ".join(f"n.{quoted(name)}" for name in key)
    present = " AND ".join(f"n.{quoted(name)} IS NOT NULL" for name in key)
    return (
        f"MATCH (n:{quoted(label)}) WHERE {present} WITH [{columns}] AS key, count(*) AS nodes "
        f"WHERE nodes > 1 RETURN key, nodes ORDER BY nodes DESC LIMIT {limit}"
    )


def create_vector_index(label: str, prop: str, index: VectorIndex, filterable: tuple[str, ...] = ()) -> str:
    """Build the vector index; `filterable` properties need Neo4j 2026.01, figures left open stay the server's."""
    options = {"vector.dimensions": str(index.dimension), "vector.similarity_function": f"'{index.similarity}'"}
    if index.m is not None:
        options["vector.hnsw.m"] = str(index.m)
    if index.ef_construction is not None:
        options["vector.hnsw.ef_construction"] = str(index.ef_construction)
    if index.quantization is not None:
        options["vector.quantization.enabled"] = str(index.quantization).lower()
    settings = ", ".join(f"`{name}`: {value}" for name, value in options.items())
    # Cypher 5, which may be the server's default language, knows no further properties.
    language = "CYPHER 25 " if filterable else ""
    also = f"WITH [{', '.join(f'n.{quoted(name)}' for name in filterable)}] " if filterable else ""
    return (
        f"{language}CREATE VECTOR INDEX {quoted(index.name)} IF NOT EXISTS "
        f"FOR (n:{quoted(label)}) ON (n.{quoted(prop)}) {also}OPTIONS {{indexConfig: {{{settings}}}}}"
    )
