"""Deletes that the driver process runs itself, in transactions of a bounded size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import GraphRefusedError, GraphUnavailableError
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.bolt.transactions import RefusedError, TooLargeError, open_writing, smallest
from delta_neo4j.graph.cypher import deletes as delete_text
from delta_neo4j.graph.cypher.common import OWNER

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.settings.connection import Connection

MOST = 2_000  # nodes or edges a transaction


def parameters(table: Table) -> dict[str, Any]:
    """Return the parameters of `cypher.common.alone`: what the loader itself writes on a table's nodes."""
    maps = [f"{p.name}." for p in table.properties if p.type == "map"]
    return {
        "owner": OWNER,
        "labels": delete_text.known_labels(table),
        "known": delete_text.known_names(table),
        "maps": [*maps, *(f"{name}." for name in table.retired.maps)],
    }


def sweep(connection: Connection, table: Table, label: str, key: tuple[str, ...] = ()) -> int:
    """
    Delete the nodes of a label that the loader created and that have no edges; return how many.

    `key` has the names of their key properties. Raises as `in_batches` does.
    """
    more = parameters(table)
    more["known"] += [*key, "text_id", "chunk_id", "index", "text"]
    more["labels"] = [*more["labels"], label]
    return in_batches(connection, delete_text.sweep(label), more)


def in_batches(connection: Connection, statement: str, more: dict[str, Any]) -> int:
    """
    Run a delete statement with the parameters `more` until it finds nothing; return how many it deleted.

    Raises `GraphRefusedError` if one node is too large for a transaction, `GraphUnavailableError` if Neo4j refuses the
    delete for another reason.
    """
    deleted = 0
    with open_writing(connection, {"app": "delta-neo4j", "stage": "delete"}) as session:
        most = MOST
        while True:
            send = partial(session.run, statement, {**more, "most": most})
            try:
                records = send() if most > 1 else smallest(send, connection.retry_seconds)
            except TooLargeError as error:
                if most == 1:
                    raise GraphRefusedError(
                        f"Neo4j cannot delete one node with its edges: {error.reason}, then run again"
                    ) from error
                most = max(1, most // 4)
                continue
            except RefusedError as error:
                raise GraphUnavailableError(
                    f"Neo4j refused a delete ({error.reason}): another writer may work on the same nodes; run again"
                ) from error
            rows = int(records[0]["rows"])
            deleted += rows
            if rows < most:
                return deleted


def count(connection: Connection, table: Table, tokens: list[str], most: int | None = None) -> int:
    """Return how many nodes (of an edge list: edges) the rows with these source tokens have, at most `most`."""
    statement = delete_text.count_rows(table) if most is None else delete_text.count_up_to(table)
    with open_queries(connection) as queries:
        records = queries.run(statement, owner=OWNER, tokens=tokens, **({} if most is None else {"most": most}))
    return int(records[0]["rows"])


def sweep_ends(connection: Connection, table: Table) -> None:
    """Delete the nodes without edges that the loader created only as ends of relationships of this table's rows."""
    if table.edge:
        ends = [(table.edge.start_label, table.edge.start_key), (table.edge.end_label, table.edge.end_key)]
    else:
        ends = [(r.end_label, r.end_key) for r in table.relationships if not (r.of_text or r.retired)]
        ends.append((table.labels[0], table.key))  # a deleted row's node that another deleted row led to
    for label, key in dict(ends).items():
        sweep(connection, table, label, tuple(p.name for p in key))
