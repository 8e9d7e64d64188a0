"""What the loader takes away from the driver's side, in transactions of a bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from delta_neo4j.cypher import removal
from delta_neo4j.cypher.common import OWNER
from delta_neo4j.errors import GraphUnavailableError
from delta_neo4j.transactions import RefusedError, TooLargeError, Writer, open_driver

if TYPE_CHECKING:
    from delta_neo4j.plan import Connection, Table

MOST = 2_000  # nodes or edges a transaction


def parameters(table: Table) -> dict[str, Any]:
    """Give what `cypher.common.alone` asks for: what the loader itself puts on a table's nodes."""
    maps = [f"{p.name}." for p in table.properties if p.type == "map"]
    return {
        "owner": OWNER,
        "labels": removal.known_labels(table),
        "known": removal.known_names(table),
        "maps": [*maps, *(f"{name}." for name in table.retired.maps)],
    }


def sweep(connection: Connection, table: Table, label: str, key: tuple[str, ...] = ()) -> int:
    """Remove the loader's own nodes of a label that nothing points at any more; `key` are the names of their key."""
    more = parameters(table)
    more["known"] += [*key, "text_id", "chunk_id", "index", "text"]
    more["labels"] = [*more["labels"], label]
    return in_batches(connection, removal.sweep(label), more)


def in_batches(connection: Connection, statement: str, more: dict[str, Any]) -> int:
    """Run a removal until it finds nothing more, and give how much it removed."""
    removed = 0
    with open_driver(connection) as driver, driver.session(database=connection.database) as session:
        writer = Writer(session, {"app": "delta-neo4j", "stage": "removal"}, connection.retry_seconds)
        most = MOST
        while True:
            try:
                rows = int(writer.run(statement, {**more, "most": most})[0]["rows"])
            except TooLargeError as error:
                if most == 1:
                    raise GraphUnavailableError(
                        f"Neo4j has no memory left to remove one node with its edges: {error}; raise "
                        "dbms.memory.transaction.total.max, or run again when less goes on"
                    ) from error
                most = max(1, most // 4)
                continue
            except RefusedError as error:
                raise GraphUnavailableError(
                    f"Neo4j refuses a removal ({error.reason}): another writer works on the same nodes; run again"
                ) from error
            removed += rows
            if rows < most:
                return removed
