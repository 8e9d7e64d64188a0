"""Constraints and vector indexes as exact text."""

from __future__ import annotations

from delta_neo4j.graph.cypher import schema as schema_text
from delta_neo4j.mapping.plan import VectorIndex


def test_the_constraint():
    """Each key column stands in one uniqueness constraint, with the name of the contract."""
    assert schema_text.create_constraint("RemovalEvent", ("removal_id",)) == (
        "CREATE CONSTRAINT `removal_event_removal_id_unique` IF NOT EXISTS "
        "FOR (n:`RemovalEvent`) REQUIRE (n.`removal_id`) IS UNIQUE"
    )
    assert "REQUIRE (n.`make`, n.`model`) IS UNIQUE" in schema_text.create_constraint(
        "AircraftModel", ("make", "model")
    )


def test_the_vector_index():
    """Only the figures that the mapping gives are in the statement."""
    index = VectorIndex("i", 384, "cosine", m=32, quantization=False)
    assert schema_text.create_vector_index("L", "embedding", index) == (
        "CREATE VECTOR INDEX `i` IF NOT EXISTS FOR (n:`L`) ON (n.`embedding`) OPTIONS {indexConfig: "
        "{`vector.dimensions`: 384, `vector.similarity_function`: 'cosine', `vector.hnsw.m`: 32, "
        "`vector.quantization.enabled`: false}}"
    )
