"""
Waiting edges: relationships that found no end node, or lost it, in the state table `waiting_edges`.

An entry has the row's key, and how the row was written: its version, the hashes of its content and of its edges, and a
hash of its source values (`row_hash`). So an entry is void if the graph has another version of the row, or the table
has no such row. An entry with the event `waiting` counts if its attempt stands in the ledger. The event `closed` is a
copy of the entry that it closes.

An entry with the event `lost` is that of an edge which goes with its deleted end node. It is recorded before the
delete, and counts also if its attempt was killed (`pipeline.lost_edges`). What it says comes from the graph: its keys
are texts of typed values, and it has no `row_hash`.
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
from delta_neo4j.source.values import JSON_OPTIONS, sql_type
from delta_neo4j.state.dead_letters import keyed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Edge, Property, Table
    from delta_neo4j.state.tables import State

NAME = "waiting_edges"
ATTEMPT = ("load_id", "batch_id", "attempt")
EDGE = ("row_key", "type", "end_label", "end_key", "relationship_key")
KEY = "typed_key"  # the column with a row's key as text, however the source or an entry writes it
_EXACT_AS_TEXT = {"string", "integer"}
_WAITING, _LOST, _CLOSED = "waiting", "lost", "closed"


def may_wait(table: Table) -> bool:
    """Return whether rows of a table can have edges that find no end."""
    return bool(kinds(table))


def kinds(table: Table) -> list[Relationship | Edge]:
    """Return the relationships of a table that may find no end."""
    found: list[Relationship | Edge] = [*(r for r in table.relationships if not r.retired)]
    found += [table.edge] if table.edge else []
    return [each for each in found if each.on_missing != "merge"]


def row_hash(table: Table) -> Column:
    """Return the hash of what a contract row has; nulls do not count, so a new column does not change it."""
    values = [F.col(raw_column(table, each)).alias(each.source.text) for each in table.inputs]
    return F.sha2(F.to_json(F.struct(*values), {**JSON_OPTIONS, "ignoreNullFields": "true"}), 256)


def open_edges(spark: SparkSession, state: State) -> DataFrame:
    """Return the entries that count and are not closed."""
    entries = state.read(spark, NAME)
    recorded = state.read(spark, "ledger").select(*ATTEMPT)
    waiting = entries.where(F.col("event") == _WAITING).join(recorded, list(ATTEMPT), "left_semi")
    lost, closed = (entries.where(F.col("event") == event) for event in (_LOST, _CLOSED))
    return waiting.unionByName(lost).join(closed, [*ATTEMPT, "table_name", *EDGE, "version"], "left_anti")


def with_key(table: Table, entries: DataFrame) -> DataFrame:
    """Add the column `KEY` to entries of a table."""
    return entries.withColumn(KEY, _json(_parts("row_key", table.key)))


def keys_as_text(table: Table, kind: Relationship | Edge) -> bool:
    """Return whether the keys of rows and ends are the same after they were written as texts."""
    return all(p.type in _EXACT_AS_TEXT for p in (*table.key, *_ends(kind)))


def with_ends(table: Table, kind: Relationship | Edge, entries: DataFrame) -> DataFrame:
    """Return, of the entries of a kind, the row's key (k0…), its version (v) and the key of the ends (t0…)."""
    own, ends = _parts("row_key", table.key), _parts("end_key", _ends(kind))
    named = [*(part.alias(f"k{i}") for i, part in enumerate(own)), F.col("version").alias("v")]
    of_kind = entries.where((F.col("type") == kind.type) & (F.col("end_label") == _label(kind)))
    return of_kind.select(*named, *(part.alias(f"t{i}") for i, part in enumerate(ends)))


def row_with_key(table: Table, rows: DataFrame) -> DataFrame:
    """Add the column `KEY` to rows with typed values."""
    columns = RowColumns(table, rows.schema)
    return rows.withColumn(KEY, _json([columns.value(p) for p in table.key]))


def with_edges(table: Table, rows: DataFrame) -> DataFrame:
    """Return a row for each edge of the frozen rows that may wait, with the columns of `EDGE` except `row_key`."""
    columns = RowColumns(table, rows.schema)
    edges = F.array(*[F.struct(*_named(columns, kind)) for kind in kinds(table)])
    return rows.withColumn("edge", F.explode(edges)).select(*rows.columns, "edge.*")


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
        return rows.join(F.broadcast(found), same_key, "left_semi").select(
            *self._of_attempt(),
            row_key(self.table).alias("row_key"),
            *_named(RowColumns(self.table, rows.schema), kind),
            version.alias("version"),
            F.col("content_hash").alias("content_hash"),
            row_hash(self.table).alias("row_hash"),
            F.col("rel_hash").alias("rel_hash"),
            F.lit(_WAITING).alias("event"),
            F.current_timestamp().alias("recorded_at"),
        )

    def of_lost(self, found: DataFrame, kind: Relationship | Edge) -> DataFrame:
        """Return the entries of edges that go with their end; `cypher.lost_edges.columns` names those of `found`."""
        row, end, own = (
            _json(_typed([f"{prefix}{i}" for i in range(len(key))], key))
            for prefix, key in (("r", self.table.key), ("t", _ends(kind)), ("e", kind.key))
        )
        return found.select(
            *self._of_attempt(),
            row.alias("row_key"),
            *_edge(kind, end, own),
            F.col("v").alias("version"),
            F.col("h").alias("content_hash"),
            F.lit(None).cast("string").alias("row_hash"),
            F.col("r").alias("rel_hash"),
            F.lit(_LOST).alias("event"),
            F.current_timestamp().alias("recorded_at"),
        )

    def _of_attempt(self) -> list[Column]:
        return [
            F.lit(self.load_id).alias("load_id"),
            F.lit(self.batch_id).cast("bigint").alias("batch_id"),
            F.lit(self.attempt).alias("attempt"),
            F.lit(self.table.name).alias("table_name"),
        ]

    def append(self, entries: DataFrame) -> None:
        """Append entries to the table."""
        self.state.append(entries, NAME)

    def close(self, gone: DataFrame, version: Column) -> None:
        """Close the entries of rows that are gone; those of a higher version stay."""
        keys = row_with_key(self.table, gone).select(KEY, version.alias("gone_version"))
        entries = open_edges(gone.sparkSession, self.state).where(F.col("table_name") == self.table.name)
        older = with_key(self.table, entries).join(keys, KEY).where(F.col("version") <= F.col("gone_version"))
        if older.limit(1).count():
            close(self.state, older.drop(KEY, "gone_version"))


def _named(columns: RowColumns, kind: Relationship | Edge) -> list[Column]:
    """Return the columns of `EDGE` for an edge of frozen rows, except `row_key`."""
    own = _json([columns.value(p) for p in kind.key])
    if isinstance(kind, Relationship):
        return _edge(kind, _json([columns.end_key(p) for p in kind.end_key]), own)
    return _edge(kind, _json([columns.value(p) for p in (*kind.start_key, *kind.end_key)]), own)


def _edge(kind: Relationship | Edge, end_key: Column, own: Column) -> list[Column]:
    """Return the columns with the label of the end node, its key and the edge's own; of an edge list of both ends."""
    return [
        F.lit(kind.type).alias("type"),
        F.lit(_label(kind)).alias("end_label"),
        end_key.alias("end_key"),
        own.alias("relationship_key"),
    ]


def _label(kind: Relationship | Edge) -> str:
    return kind.end_label if isinstance(kind, Relationship) else f"{kind.start_label}, {kind.end_label}"


def _ends(kind: Relationship | Edge) -> tuple[Property, ...]:
    return kind.end_key if isinstance(kind, Relationship) else (*kind.start_key, *kind.end_key)


def _parts(column: str, key: tuple[Property, ...]) -> list[Column]:
    """Return the parts of a key in their types, from the column of an entry that has them as JSON."""
    return _typed([f"get(from_json({column}, 'array<string>'), {i})" for i in range(len(key))], key)


def _typed(texts: list[str], key: tuple[Property, ...]) -> list[Column]:
    """Return the parts of a key in their types, from SQL expressions of texts."""
    return [F.expr(f"try_cast({text} AS {sql_type(p)})") for text, p in zip(texts, key, strict=True)]


def _json(parts: list[Column]) -> Column:
    return F.to_json(F.array(*[part.cast("string") for part in parts]).cast("array<string>"))
