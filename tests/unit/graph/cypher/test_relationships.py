"""Relationships that a mapping makes, as text; that they run is for the integration tests."""

from __future__ import annotations

from delta_neo4j.graph.cypher import relationships as relationship_text
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.mapping.model import MappingModel

(REMOVALS,) = read_mapping("removals").tables


(EVENTS,) = read_mapping("maintenance_events").tables


def test_relationships_have_the_mappings_direction():
    """`in` points at the row's node, `out` away from it."""
    assert (
        "MERGE (end)-[edge:`HAS_REMOVAL`]->(n) ON CREATE SET edge._dn_owner"
        in relationship_text.merge_relationships(REMOVALS, 0)
    )
    assert "MERGE (n)-[edge:`CONCERNS`]->(end) ON CREATE SET edge._dn_owner" in relationship_text.merge_relationships(
        EVENTS, 0
    )


def test_only_the_last_pass_stamps_the_relationship_hash():
    """A crash between the passes leaves no stamp, so the replay repairs it."""
    assert "SET n._dn_rel_hash = null" in relationship_text.merge_relationships(REMOVALS, 0)
    assert "SET n._dn_rel_hash = CASE WHEN $stamp THEN row.r END" in relationship_text.merge_relationships(REMOVALS, 1)


def test_a_relationships_key_finds_it_and_is_written_with_it():
    """It is part of the pattern that merges, and of what tells the row's edges from outdated ones."""
    end = {"label": "Account", "key": [{"column": "iban"}]}
    keyed = {"type": "TOUCHES", "direction": "in", "end": end, "key": [{"column": "role"}]}
    model = {"name": "t", "source": "t", "labels": ["Transfer"], "key": [{"column": "id"}], "relationships": [keyed]}
    (table,) = (one.planned() for one in MappingModel(tables=[model]).tables)
    statement = relationship_text.merge_relationships(table, 0)
    assert "MERGE (end)-[edge:`TOUCHES` {_dn_owner: $owner, `role`: row.t1}]->(n)" in statement
    assert "held.`iban` = row.t0 AND edge.`role` = row.t1" in statement
