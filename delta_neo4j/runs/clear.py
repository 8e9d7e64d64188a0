"""`clear`: delete from the graph what the rows of a mapping's tables wrote, and keep what others wrote."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from delta_neo4j.graph import deletes, registry
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.graph.cypher import deletes as delete_text
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.mapping.plan import Retired, Table
from delta_neo4j.runs.leases import leased
from delta_neo4j.settings.limits import LIMITS
from delta_neo4j.source import grants
from delta_neo4j.state import checkpoint
from delta_neo4j.state.mappings import MappingHistory
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.settings.values import LoadSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """
    A group of tables and what their rows wrote into the graph: relationships of an edge list, or nodes of one label.

    `tables`: the tables that write these nodes. `table`: all of them combined in one; without that, the delete would
    take the properties of the other tables for somebody else's and keep the nodes. `tokens`: the source tokens of all
    loads of these tables, as recorded in the state. `rows`: the number of nodes or relationships.
    """

    tables: tuple[Table, ...]
    table: Table
    tokens: tuple[str, ...]
    rows: int

    @property
    def name(self) -> str:
        """The names of the tables, for messages."""
        return " and ".join(table.name for table in self.tables)

    @property
    def what(self) -> str:
        """The number and kind of the nodes or relationships to delete, for messages."""
        edge = self.table.edge
        return f"{self.rows:,} {f'{edge.type} relationships' if edge else f'{self.table.labels[0]} nodes'}"


def loaded(spark: SparkSession, settings: LoadSettings) -> list[Loaded]:
    """Count the rows that `clear` would delete, in the order of the deletes: edge lists before the nodes they join."""
    connection, state = settings.neo4j.connection(settings.graph_retry_seconds), State(settings.state)
    groups = []
    grants.check_readable(spark, (), state.location)
    server_version(connection)  # raises a one-line error if address, password or database is wrong
    with open_queries(connection) as session:
        tables = read_mapping(settings.mapping, settings.sources, settings.located).tables
        histories = MappingHistory.of_all(spark, state, [table.name for table in tables])
        for group in _by_nodes(tables):
            whole = tuple(histories[table.name].with_retired(table) for table in group)
            table = _in_one(whole)
            tokens = tuple(token for each in group for token in histories[each.name].source_tokens)
            records = session.run(delete_text.count_rows(table), **deletes.parameters(table), tokens=tokens)
            groups.append(Loaded(whole, table, tokens, int(records[0]["rows"])))
    return groups


def _by_nodes(tables: tuple[Table, ...]) -> list[list[Table]]:
    """Group the tables that write nodes of the same label, the last table first."""
    groups: dict[str, list[Table]] = {}
    for table in reversed(tables):
        groups.setdefault(f"edges {table.name}" if table.edge else f"nodes {table.labels[0]}", []).append(table)
    return list(groups.values())


def _in_one(tables: tuple[Table, ...]) -> Table:
    first = next((table for table in tables if table.chunks), tables[0])  # chunks are deleted with their nodes
    retired = first.retired
    for other in (table for table in tables if table is not first):
        retired = Retired(
            (*retired.properties, *delete_text.known_names(other)),
            (*retired.labels, *delete_text.known_labels(other)),
            (*retired.maps, *(p.name for p in other.properties if p.type == "map"), *other.retired.maps),
        )
    return replace(first, retired=retired)


def clear(spark: SparkSession, settings: LoadSettings, tables: list[Loaded]) -> list[str]:
    """
    Remove the tables' checkpoints, delete what `loaded` counted, then delete end nodes that have no relationship.

    Returns a line for each delete. The cache, the ledger, constraints and indexes stay. After an interruption, call
    it again. Raises `CheckpointHeldError` if a run loads one of the tables.
    """
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    tokens = [token.removesuffix(":") for each in tables for token in each.tokens]
    with leased(connection, tokens, f"clear-{uuid.uuid4().hex[:12]}", LIMITS):
        lines = _cleared(spark, settings, connection, tables)
        if removed := registry.remove(connection, tokens):
            lines.append(f"the registry in the graph: {removed:,} hidden nodes removed (what was loaded, by table)")
    return lines


def _cleared(spark: SparkSession, settings: LoadSettings, connection: Connection, tables: list[Loaded]) -> list[str]:
    lines = []
    for each in tables:
        # Remove the checkpoint before the rows: if a load starts between the two, it reads every row again. In the
        # other order it would take the deleted rows for loaded.
        for table in each.tables:
            checkpoint.reset(spark, f"{settings.checkpoints}/{table.name}")
        more = {**deletes.parameters(each.table), "tokens": each.tokens}
        removed = deletes.in_batches(connection, delete_text.clear_rows(each.table), more)
        lines.append(f"{each.name}: {removed:,} {'relationships' if each.table.edge else 'nodes'} removed")
    for each in tables:
        for label, key in dict.fromkeys(end for table in each.tables for end in _ends(table)):
            removed = deletes.sweep(connection, each.table, label, key)
            if removed:
                lines.append(f"{each.name}: {removed:,} {label} nodes removed that have no relationship any more")
    return lines


def _ends(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """Return (label, key) of the nodes that the table's rows create beside their own: end nodes and chunks."""
    ends = [(r.end_label, tuple(p.name for p in r.end_key)) for r in table.relationships]
    if table.edge:
        ends += [(table.edge.start_label, tuple(p.name for p in table.edge.start_key))]
        ends += [(table.edge.end_label, tuple(p.name for p in table.edge.end_key))]
    if table.chunks:
        ends.append((table.chunks.label, ("chunk_id",)))
    return list(dict.fromkeys(ends))
