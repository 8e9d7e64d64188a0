"""Taking a mapping's load out of the graph again: what its rows put there, and nothing of anybody else's."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from delta_neo4j import checkpoint, removal
from delta_neo4j.cypher import removal as cypher
from delta_neo4j.mapping import read_mapping
from delta_neo4j.mapping_history import MappingHistory
from delta_neo4j.plan import Retired, Table
from delta_neo4j.server import server_version
from delta_neo4j.state import State
from delta_neo4j.transactions import open_driver

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.settings import LoadSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """
    What rows put into the graph, by the state's own records: an edge list's edges, or the nodes of a label.

    `tables` are those that write the same nodes; `table` is all of them in one, so that nothing of the one is taken for
    somebody else's when the other goes.
    """

    tables: tuple[Table, ...]
    table: Table
    tokens: tuple[str, ...]
    rows: int

    @property
    def name(self) -> str:
        """Name the tables."""
        return " and ".join(table.name for table in self.tables)

    @property
    def what(self) -> str:
        """Name it for a person."""
        edge = self.table.edge
        return f"{self.rows:,} {f'{edge.type} relationships' if edge else f'{self.table.labels[0]} nodes'}"


def loaded(spark: SparkSession, settings: LoadSettings) -> list[Loaded]:
    """Count what is there to take away, in the order in which it goes: edges before the nodes they hang on."""
    connection, state, found = settings.neo4j.connection(settings.graph_retry_seconds), State(settings.state), []
    server_version(connection)  # says in one line what is wrong with address, password or database
    with open_driver(connection) as driver, driver.session(database=connection.database) as session:
        tables = read_mapping(settings.mapping, settings.sources).tables
        histories = MappingHistory.of_all(spark, state, [table.name for table in tables])
        for group in _by_nodes(tables):
            whole = tuple(histories[table.name].with_retired(table) for table in group)
            table = _in_one(whole)
            tokens = tuple(token for each in group for token in histories[each.name].source_tokens)
            record = session.run(cypher.count_rows(table), removal.parameters(table), tokens=tokens).single()
            found.append(Loaded(whole, table, tokens, int(record["rows"]) if record else 0))
    return found


def _by_nodes(tables: tuple[Table, ...]) -> list[list[Table]]:
    """Group tables by the nodes they write, the last one first."""
    groups: dict[str, list[Table]] = {}
    for table in reversed(tables):
        groups.setdefault(f"edges {table.name}" if table.edge else f"nodes {table.labels[0]}", []).append(table)
    return list(groups.values())


def _in_one(tables: tuple[Table, ...]) -> Table:
    first = next((table for table in tables if table.chunks), tables[0])  # its pieces go with its nodes
    retired = first.retired
    for other in (table for table in tables if table is not first):
        retired = Retired(
            (*retired.properties, *cypher.known_names(other)),
            (*retired.labels, *cypher.known_labels(other)),
            (*retired.maps, *(p.name for p in other.properties if p.type == "map"), *other.retired.maps),
        )
    return replace(first, retired=retired)


def clear(spark: SparkSession, settings: LoadSettings, tables: list[Loaded]) -> list[str]:
    """
    Take all of it away, then the end nodes that nothing needs any more, and start every table's checkpoint anew.

    Gives a line a table. The cache of embeddings, the ledger, constraints and indexes stay. Can be run again after an
    interruption.
    """
    connection, lines = settings.neo4j.connection(settings.graph_retry_seconds), []
    for each in tables:
        # First the checkpoint: a load that comes in between then finds everything to do, and not nothing.
        for table in each.tables:
            checkpoint.reset(spark, f"{settings.checkpoints}/{table.name}")
        more = {**removal.parameters(each.table), "tokens": each.tokens}
        removed = removal.in_batches(connection, cypher.clear_rows(each.table), more)
        lines.append(f"{each.name}: {removed:,} {'relationships' if each.table.edge else 'nodes'} removed")
    for each in tables:
        for label, key in dict.fromkeys(end for table in each.tables for end in _ends(table)):
            removed = removal.sweep(connection, each.table, label, key)
            if removed:
                lines.append(f"{each.name}: {removed:,} {label} nodes removed that nothing points at any more")
    return lines


def _ends(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """Give label and key of every node that the table's rows make besides their own."""
    ends = [(r.end_label, tuple(p.name for p in r.end_key)) for r in table.relationships]
    if table.edge:
        ends += [(table.edge.start_label, tuple(p.name for p in table.edge.start_key))]
        ends += [(table.edge.end_label, tuple(p.name for p in table.edge.end_key))]
    if table.chunks:
        ends.append((table.chunks.label, ("chunk_id",)))
    return list(dict.fromkeys(ends))
