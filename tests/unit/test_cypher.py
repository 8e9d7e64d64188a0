"""The Cypher that a mapping makes, as exact text; that it runs is for the integration tests."""

from __future__ import annotations

from delta_neo4j.cypher import edges, nodes, schema
from delta_neo4j.mapping import read_mapping
from delta_neo4j.plan import VectorIndex

(REMOVALS,) = read_mapping("removals").tables
(EVENTS,) = read_mapping("maintenance_events").tables


def test_the_constraint():
    """Each key column stands in one uniqueness constraint, with the name of the contract."""
    assert schema.create_constraint("RemovalEvent", ("removal_id",)) == (
        "CREATE CONSTRAINT `removal_event_removal_id_unique` IF NOT EXISTS "
        "FOR (n:`RemovalEvent`) REQUIRE (n.`removal_id`) IS UNIQUE"
    )
    assert "REQUIRE (n.`make`, n.`model`) IS UNIQUE" in schema.create_constraint("AircraftModel", ("make", "model"))


def test_the_vector_index():
    """Only the figures that the mapping gives are in the statement."""
    index = VectorIndex("i", 384, "cosine", m=32, quantization=False)
    assert schema.create_vector_index("L", "embedding", index) == (
        "CREATE VECTOR INDEX `i` IF NOT EXISTS FOR (n:`L`) ON (n.`embedding`) OPTIONS {indexConfig: "
        "{`vector.dimensions`: 384, `vector.similarity_function`: 'cosine', `vector.hnsw.m`: 32, "
        "`vector.quantization.enabled`: false}}"
    )


def test_nodes_are_merged_on_the_key_alone_and_guarded():
    """MERGE holds the key only; the version guards, the hash spares the write."""
    text = nodes.upsert_nodes(REMOVALS)
    assert "MERGE (n:`RemovalEvent` {`removal_id`: row.k0})\nON CREATE SET n._dn_owner = $owner" in text
    assert "WHEN n._dn_version STARTS WITH $source AND n._dn_version > row.v THEN 'superseded'" in text
    assert text.endswith("sum(row.e0) AS e0, sum(row.e1) AS e1")


def test_relationships_have_the_mappings_direction():
    """`in` points at the row's node, `out` away from it."""
    assert "MERGE (end)-[edge:`HAS_REMOVAL`]->(n) ON CREATE SET edge._dn_owner" in edges.merge_relationships(
        REMOVALS, 0
    )
    assert "MERGE (n)-[edge:`CONCERNS`]->(end) ON CREATE SET edge._dn_owner" in edges.merge_relationships(EVENTS, 0)


def test_only_the_last_pass_stamps_the_relationship_hash():
    """A crash between the passes leaves no stamp, so the replay repairs it."""
    assert "SET n._dn_rel_hash = null" in edges.merge_relationships(REMOVALS, 0)
    assert "SET n._dn_rel_hash = CASE WHEN $stamp THEN row.r END" in edges.merge_relationships(REMOVALS, 1)
