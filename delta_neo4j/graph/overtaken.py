"""Whether another run writes the same table at the same time: its rows have a newer version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.cypher.look_up import newer_row

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.settings.connection import Connection


def is_overtaken(connection: Connection, table: Table, version: str) -> bool:
    """Return whether the graph has a row of `table` with a version newer than `version`; reads nodes of the label."""
    source = f"{version.partition(':')[0]}:"
    with open_queries(connection, retry_seconds=connection.retry_seconds) as queries:
        return bool(queries.run(newer_row(table), source=source, version=version))
