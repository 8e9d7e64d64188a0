"""
Waiting edges: relationships that found no end node, in the state table `waiting_edges`.

An entry has the row's key, and how the row was written: its version, its content hash, and a hash of its source values
(`row_hash`). So an entry is void if the graph has another version of the row, or the table has no such row. An entry
with the event `waiting` counts if its attempt stands in the ledger. The event `closed` is a copy of the entry that it
closes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.mapping.plan import Relationship
from delta_neo4j.source.contract import raw_column
from delta_neo4j.source.row_columns import RowColumns
from delta_neo4j.source.row_texts import row_key
from delta_neo4j.source.values import JSON_OPTIONS
from delta_neo4j.state.dead_letters import keyed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Edge, Table
    from delta_neo4j.state.tables import State

NAME = "waiting_edges"
ATTEMPT = ("load_id", "batch_id", "attempt")
EDGE = ("row_key", "type", "end_label", "end_key", "relationship_key")
_WAITING, _CLOSED = "waiting", "closed"


def may_wait(table: Table) -> bool:
    """Return whether rows of a table can have edges that find no end."""
    edges: list[Relationship | Edge] = [*(r for r in table.relationships if not r.retired)]
    edges += [table.edge] if table.edge else []
    return any(each.on_missing != "merge" for each in edges)


def row_hash(table: Table) -> Column:
    """Return the hash of what a contract row has; nulls do not count, so a new column does not change it."""
    values = [F.col(raw_column(table, each)).alias(each.source.text) for each in table.inputs]
    return F.sha2(F.to_json(F.struct(*values), {**JSON_OPTIONS, "ignoreNullFields": "true"}), 256)


def open_edges(spark: SparkSession, state: State) -> DataFrame:
    """Return the entries that count and are not closed."""
    entries = state.read(spark, NAME)
    recorded = state.read(spark, "ledger").select(*ATTEMPT)
    waiting = entries.where(F.col("event") == _WAITING).join(recorded, list(ATTEMPT), "left_semi")
    closed = entries.where(F.col("event") == _CLOSED)
    return waiting.join(closed, [*ATTEMPT, "table_name", *EDGE, "version"], "left_anti")


def close(state: State, entries: DataFrame) -> None:
    """Close entries: they are written, or void."""
    names = [field.name for field in entries.schema.fields]
    closed = entries.withColumns({"event": F.lit(_CLOSED), "recorded_at": F.current_timestamp()})
    state.append(closed.select(*names), NAME)


@dataclass(frozen=True)
class WaitingEdges:
    """Makes and appends the waiting edges of one attempt at one micro-batch."""

    state: State
    table: Table
    load_id: str
    batch_id: int
    attempt: str

    def of(self, rows: DataFrame, keys: list[list[Any]], kind: Relationship | Edge, version: Column) -> DataFrame:
        """
        Return the entries of the frozen rows with these keys, whose edge of this `kind` found no end.

        `version` is the column with the rows' versions. A pass returns the keys of at most one slice.
        """
        found, same_key = keyed(self.table, rows, keys, [()] * len(keys), "")
        label, end, own = self._edge(RowColumns(self.table, rows.schema), kind)
        return rows.join(F.broadcast(found), same_key, "left_semi").select(
            F.lit(self.load_id).alias("load_id"),
            F.lit(self.batch_id).cast("bigint").alias("batch_id"),
            F.lit(self.attempt).alias("attempt"),
            F.lit(self.table.name).alias("table_name"),
            row_key(self.table).alias("row_key"),
            F.lit(kind.type).alias("type"),
            F.lit(label).alias("end_label"),
            _json(end).alias("end_key"),
            _json(own).alias("relationship_key"),
            version.alias("version"),
            F.col("content_hash").alias("content_hash"),
            row_hash(self.table).alias("row_hash"),
            F.lit(_WAITING).alias("event"),
            F.current_timestamp().alias("recorded_at"),
        )

    def _edge(self, columns: RowColumns, kind: Relationship | Edge) -> tuple[str, list[Column], list[Column]]:
        """Return the label of the end node, its key and the edge's own key; of an edge list those of both ends."""
        if isinstance(kind, Relationship):
            return kind.end_label, [columns.end_key(p) for p in kind.end_key], [columns.value(p) for p in kind.key]
        ends = [columns.value(p) for p in (*kind.start_key, *kind.end_key)]
        return f"{kind.start_label}, {kind.end_label}", ends, [columns.value(p) for p in kind.key]

    def append(self, entries: DataFrame) -> None:
        """Append entries to the table."""
        self.state.append(entries, NAME)

    def close(self, gone: DataFrame, version: Column) -> None:
        """Close the entries of rows that are gone; those of a higher version stay."""
        keys = gone.select(row_key(self.table).alias("row_key"), version.alias("gone_version"))
        entries = open_edges(gone.sparkSession, self.state).where(F.col("table_name") == self.table.name)
        older = entries.join(keys, "row_key").where(F.col("version") <= F.col("gone_version")).drop("gone_version")
        if older.limit(1).count():
            close(self.state, older)


def _json(parts: list[Column]) -> Column:
    return F.to_json(F.array(*[part.cast("string") for part in parts]).cast("array<string>"))
