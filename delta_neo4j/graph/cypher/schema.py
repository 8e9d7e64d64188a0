"""The statements that create, show and check constraints, vector indexes and full-text indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import constraint_name, quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import FullText, VectorIndex


def create_constraint(label: str, key: tuple[str, ...]) -> str:
    """Build the uniqueness constraint on a node key."""
    columns = ", ".join(f"n.{quoted(name)}" for name in key)
    name = quoted(constraint_name(label, key))
    return f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{quoted(label)}) REQUIRE ({columns}) IS UNIQUE"


def duplicates(label: str, key: tuple[str, ...], limit: int = 5) -> str:
    """Build the query for at most `limit` keys that several nodes have: rows of (key, nodes: their number)."""
    columns = ", ".join(f"n.{quoted(name)}" for name in key)
    present = " AND ".join(f"n.{quoted(name)} IS NOT NULL" for name in key)
    return (
        f"MATCH (n:{quoted(label)}) WHERE {present} WITH [{columns}] AS key, count(*) AS nodes "
        f"WHERE nodes > 1 RETURN key, nodes ORDER BY nodes DESC LIMIT {limit}"
    )


def key_types(label: str, key: tuple[str, ...]) -> str:
    """Build the query for the types of a key among the first `$among` nodes: rows of (types, example: a key)."""
    columns = ", ".join(f"n.{quoted(name)}" for name in key)
    return (
        f"MATCH (n:{quoted(label)}) WITH [{columns}] AS key LIMIT $among WHERE all(part IN key WHERE part IS NOT NULL) "
        "RETURN [part IN key | valueType(part)] AS types, head(collect(key)) AS example"
    )


def create_vector_index(label: str, prop: str, index: VectorIndex, filterable: tuple[str, ...] = ()) -> str:
    """Build the vector index; `filterable` properties need Neo4j 2026.01, and options that are None are not set."""
    options = {"vector.dimensions": str(index.dimension), "vector.similarity_function": f"'{index.similarity}'"}
    if index.m is not None:
        options["vector.hnsw.m"] = str(index.m)
    if index.ef_construction is not None:
        options["vector.hnsw.ef_construction"] = str(index.ef_construction)
    if index.quantization is not None:
        options["vector.quantization.enabled"] = str(index.quantization).lower()
    settings = ", ".join(f"`{name}`: {value}" for name, value in options.items())
    # Cypher 5, which may be the server's default language, has no syntax for further properties.
    language = "CYPHER 25 " if filterable else ""
    also = f"WITH [{', '.join(f'n.{quoted(name)}' for name in filterable)}] " if filterable else ""
    return (
        f"{language}CREATE VECTOR INDEX {quoted(index.name)} IF NOT EXISTS "
        f"FOR (n:{quoted(label)}) ON (n.{quoted(prop)}) {also}OPTIONS {{indexConfig: {{{settings}}}}}"
    )


def create_fulltext_index(fulltext: FullText) -> str:
    """Build the full-text index."""
    names = ", ".join(f"n.{quoted(name)}" for name in fulltext.properties)
    return (
        f"CREATE FULLTEXT INDEX {quoted(fulltext.index)} IF NOT EXISTS FOR (n:{quoted(fulltext.label)}) "
        f"ON EACH [{names}]"
    )


SHOW_CONSTRAINTS = "SHOW CONSTRAINTS YIELD name, entityType, type, labelsOrTypes, properties"
SHOW_INDEXES = "SHOW INDEXES YIELD name, type, state, entityType, labelsOrTypes, properties, owningConstraint"
SHOW_VECTOR_INDEXES = (
    "SHOW VECTOR INDEXES YIELD name, state, populationPercent, entityType, labelsOrTypes, properties, options "
    "WHERE entityType = 'NODE'"
)
SHOW_FULLTEXT_INDEXES = (
    "SHOW FULLTEXT INDEXES YIELD name, state, populationPercent, entityType, labelsOrTypes, properties "
    "WHERE entityType = 'NODE'"
)
# Only indexes on labels of the mapping are waited for.
SHOW_NOT_ONLINE = (
    "SHOW INDEXES YIELD name, state, labelsOrTypes, owningConstraint WHERE state <> 'ONLINE' "
    "AND any(label IN labelsOrTypes WHERE label IN $labels) RETURN name, state, owningConstraint"
)


def sample_vectors(label: str, vector: str, text: str) -> str:
    """Build the query for (text, vector) of `$most` nodes that have both, among the first `$among` of the label."""
    text, vector = f"n.{quoted(text)}", f"n.{quoted(vector)}"
    return (
        f"MATCH (n:{quoted(label)}) WITH n LIMIT $among WHERE {vector} IS NOT NULL AND {text} IS NOT NULL "
        f"RETURN {text} AS text, {vector} AS vector LIMIT $most"
    )


def remove_vectors(label: str, vector: str) -> str:
    """Build the statement that a person runs to remove the vectors of a label."""
    return f"MATCH (n:{quoted(label)}) REMOVE n.{quoted(vector)}"
