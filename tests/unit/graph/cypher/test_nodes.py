"""The Cypher that a mapping makes, as exact text; that it runs is for the integration tests."""

from __future__ import annotations

from delta_neo4j.graph.cypher import nodes as node_text
from delta_neo4j.mapping.file import read_mapping

(REMOVALS,) = read_mapping("removals").tables


def test_nodes_are_merged_on_the_key_alone_and_guarded():
    """MERGE holds the key only; the version guards, the hash spares the write."""
    text = node_text.upsert_nodes(REMOVALS)
    assert "MERGE (n:`RemovalEvent` {`removal_id`: row.k0})\nON CREATE SET n._dn_owner = $owner" in text
    assert "WHEN n._dn_version STARTS WITH $source AND n._dn_version > row.v THEN 'superseded'" in text
    assert text.endswith("sum(row.e0) AS e0, sum(row.e1) AS e1")
