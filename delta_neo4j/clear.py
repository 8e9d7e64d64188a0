"""Taking a mapping's load out of the graph again: what its rows put there, and nothing of anybody else's."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j import checkpoint, removal
from delta_neo4j.cypher import removal as cypher
from delta_neo4j.mapping import read_mapping
from delta_neo4j.mapping_history import MappingHistory
from delta_neo4j.server import server_version
from delta_neo4j.state import State
from delta_neo4j.transactions import open_driver

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.plan import Table
    from delta_neo4j.settings import LoadSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """What a table's rows put into the graph, by the state's own records: nodes, or an edge list's edges."""

    table: Table
    tokens: tuple[str, ...]
    rows: int

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
        for plain in reversed(tables):
            history = histories[plain.name]
            table, tokens = history.with_retired(plain), tuple(history.source_tokens)
            record = session.run(cypher.count_rows(table), removal.parameters(table), tokens=tokens).single()
            found.append(Loaded(table, tokens, int(record["rows"]) if record else 0))
    return found


def clear(spark: SparkSession, settings: LoadSettings, tables: list[Loaded]) -> list[str]:
    """
    Take all of it away, then the end nodes that nothing needs any more, and start every table's checkpoint anew.

    Gives a line a table. The cache of embeddings, the ledger, constraints and indexes stay. Can be run again after an
    interruption.
    """
    connection, lines = settings.neo4j.connection(settings.graph_retry_seconds), []
    for each in tables:
        # First the checkpoint: a load that comes in between then finds everything to do, and not nothing.
        checkpoint.reset(spark, f"{settings.checkpoints}/{each.table.name}")
        more = {**removal.parameters(each.table), "tokens": each.tokens}
        removed = removal.in_batches(connection, cypher.clear_rows(each.table), more)
        lines.append(f"{each.table.name}: {removed:,} {'relationships' if each.table.edge else 'nodes'} removed")
    for each in tables:
        for label, key in _ends(each.table):
            removed = removal.sweep(connection, each.table, label, key)
            if removed:
                lines.append(f"{each.table.name}: {removed:,} {label} nodes removed that nothing points at any more")
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
