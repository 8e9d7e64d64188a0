"""Statements that test what a user may do: read the database, and write the mapping's nodes and edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.mapping.plan import Mapping

ANSWER = "RETURN 1"
DATABASE_ID = "CALL db.info() YIELD id RETURN id"


def writes(mapping: Mapping) -> Iterable[str]:
    """Yield statements that create a node without a key and its edges, for each table, and delete the edges."""
    for table in mapping.tables:
        edge, chunks = table.edge, table.chunks
        starts = (edge.start_label,) if edge else table.labels
        kinds = [(one.type, one.end_label) for one in table.relationships]
        kinds += [(edge.type, edge.end_label)] if edge else []
        kinds += [(chunks.relationship, chunks.label)] if chunks else []
        labels = "".join(f":{quoted(label)}" for label in starts)
        made, edges = [f"CREATE (row{labels}) SET row.`_dn_version` = 0"], []
        for number, (kind, end) in enumerate(kinds):
            edges.append(f"edge{number}")
            made.append(f"CREATE (row)-[edge{number}:{quoted(kind)} {{`_dn_owner`: ''}}]->(:{quoted(end)})")
        yield " ".join([*made, *([f"DELETE {', '.join(edges)}"] if edges else [])])
