"""The statements with which `status` looks at indexes: how many nodes have a text and a vector, and a self-query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Embedding


def nodes(label: str) -> str:
    """Build the count of a label's nodes, which Neo4j knows without reading them."""
    return f"MATCH (n:{quoted(label)}) RETURN count(n) AS nodes"


def coverage(label: str, vector: str, text: str | None) -> str:
    """Build the counts (looked_at, with_text, with_vector, vector_missing) over the first `$among` nodes of a label."""
    found, written = f"n.{quoted(vector)} IS NOT NULL", f"n.{quoted(text)} IS NOT NULL" if text else "null"
    return (
        f"MATCH (n:{quoted(label)}) WITH n LIMIT $among WITH {found} AS found, {written} AS written "
        "RETURN count(*) AS looked_at, count(CASE WHEN written THEN 1 END) AS with_text, "
        "count(CASE WHEN found THEN 1 END) AS with_vector, "
        "count(CASE WHEN written AND NOT found THEN 1 END) AS vector_missing"
    )


def self_query(label: str, embedding: Embedding) -> str:
    """
    Build the self-query: for `$most` nodes with a vector, whether the index `$index` finds that vector.

    Several nodes may have one text, so the nearest node is compared by its vector and not by its id.
    """
    vector, similar = quoted(embedding.property), f"vector.similarity.{embedding.index.similarity}"
    return (
        f"MATCH (n:{quoted(label)}) WITH n LIMIT $among WHERE n.{vector} IS NOT NULL "
        f"WITH n, n.{vector} AS wanted LIMIT $most "
        "CALL (wanted) { CALL db.index.vector.queryNodes($index, $asked, wanted) YIELD node "
        f"RETURN max({similar}(node.{vector}, wanted)) AS nearest }} "
        "RETURN count(*) AS sampled, count(CASE WHEN nearest > 0.9999 THEN 1 END) AS found"
    )
