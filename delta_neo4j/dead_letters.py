"""Rows that could not be loaded, kept whole with stage and reason, and the gate that stops a run with too many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import BalanceError, DeadLetterGateError
from delta_neo4j.source import raw_column
from delta_neo4j.validation import FAULT, FAULT_CLASS, JSON_OPTIONS, sql_type, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import SparkSession

    from delta_neo4j.ledger import Account
    from delta_neo4j.plan import Table
    from delta_neo4j.state import State

# Below the floor a bad row is the row's fault; above it, a tenth of a micro-batch is somebody's mistake.
GATE_FLOOR, GATE_SHARE = 100, 0.1


def allowed(rows_read: int) -> int:
    """Give the number of dead letters that a micro-batch of so many rows may have."""
    return max(GATE_FLOOR, int(rows_read * GATE_SHARE))


def gate(dead: int, rows_read: int) -> None:
    """Raise `DeadLetterGateError` when a micro-batch has more dead letters than it may."""
    if dead > allowed(rows_read):
        raise DeadLetterGateError(
            f"{dead} of {rows_read} rows of a micro-batch are refused ({allowed(rows_read)} are allowed): "
            "the mapping or the source is wrong; see the dead_letters table, mend it and run again"
        )


def keyed(
    table: Table, rows: DataFrame, keys: list[list[Any]], more: Sequence[tuple[str, ...]], columns: str
) -> tuple[DataFrame, list[Column]]:
    """Give a frame of keys that came back from the graph, with `more` STRING columns, and how to join it to `rows`."""
    names = [f"key_{i}" for i in range(len(table.key))]
    schema = ", ".join(f"{name} STRING" for name in [*names, *filter(None, columns.split(", "))])
    data = [(*map(str, key), *beside) for key, beside in zip(keys, more, strict=True)]
    same = [
        typed(table, prop).eqNullSafe(F.expr(f"try_cast({name} AS {sql_type(prop)})"))
        for name, prop in zip(names, table.key, strict=True)
    ]
    return rows.sparkSession.createDataFrame(data, schema), same


@dataclass(frozen=True)
class DeadLetters:
    """The dead letters of one attempt at one micro-batch."""

    state: State
    table: Table
    load_id: str
    batch_id: int
    attempt: str

    def of_unsound(self, rows: DataFrame) -> DataFrame:
        """Make letters of rows that validation refused."""
        return self._letters(rows, "validation", F.col(FAULT_CLASS), F.col(FAULT))

    def of_faulted(self, rows: DataFrame) -> DataFrame:
        """Make letters of rows whose text has no vector; `rows` has `embedding_fault`."""
        return self._letters(rows, "embedding", F.lit("embedding_fault"), F.col("embedding_fault"))

    def of_refused(self, rows: DataFrame, refusals: list[dict[str, Any]], stage: str) -> DataFrame:
        """Make letters of rows that Neo4j refused, finding each again in `rows` by its key."""
        reasons = [(r["reason_class"], r["reason"]) for r in refusals]
        found, same = keyed(self.table, rows, [r["key"] for r in refusals], reasons, "refused_class, refused_reason")
        joined = found.join(rows, on=same, how="left")
        return self._letters(joined, stage, F.col("refused_class"), F.col("refused_reason"))

    def append(self, letters: DataFrame) -> None:
        """Keep letters; the ledger row of the attempt makes them count."""
        self.state.append(letters, "dead_letters")

    def kept(self, spark: SparkSession) -> int:
        """Count what this attempt kept, in the table itself."""
        mine = (
            (F.col("load_id") == self.load_id)
            & (F.col("batch_id") == self.batch_id)
            & (F.col("attempt") == self.attempt)
        )
        return self.state.read(spark, "dead_letters").where(mine).count()

    def _letters(self, rows: DataFrame, stage: str, reason_class: Column, reason: Column) -> DataFrame:
        inputs = self.table.inputs
        whole = F.struct(*[F.col(raw_column(self.table, each)).alias(each.text) for each in inputs])
        keys = F.array(*[F.col(raw_column(self.table, p.input)).cast("string") for p in self.table.key])
        return rows.select(
            F.lit(self.load_id).alias("load_id"),
            F.lit(self.batch_id).cast("bigint").alias("batch_id"),
            F.lit(self.attempt).alias("attempt"),
            F.lit(self.table.name).alias("table_name"),
            F.to_json(keys).alias("row_key"),
            F.lit(stage).alias("stage"),
            reason_class.alias("reason_class"),
            reason.alias("reason"),
            F.to_json(whole, JSON_OPTIONS).alias("row"),
            F.current_timestamp().alias("recorded_at"),
        )


@dataclass
class LetterBox:
    """The dead letters of a micro-batch until they are kept; the gate is asked at each that comes."""

    letters: DeadLetters
    account: Account
    hook: Callable[[str, Any], Any]
    pending: list[tuple[DataFrame, int]] = field(default_factory=list)  # and how many they must be

    def add(self, letters: DataFrame, count: int, *, of_rows: bool = True) -> None:
        """Note dead letters to keep at the end; those of edges leave their row written."""
        self.pending.append((letters, count))
        if of_rows:
            self.account.outcomes["dead_lettered"] += count
        dead = sum(n for _, n in self.pending)
        if dead > allowed(self.account.rows_read):
            self.keep()  # so that there is something to look at
        gate(dead, self.account.rows_read)

    def keep(self) -> None:
        """Append all of them; raise `BalanceError` unless the table then holds as many as were refused."""
        if not self.pending:
            return
        letters, expected = self.pending[0]
        for more, count in self.pending[1:]:
            letters, expected = letters.unionByName(more), expected + count
        letters = self.hook("dead_letters", letters)
        self.letters.append(letters)
        kept = self.letters.kept(letters.sparkSession)
        if kept != expected:
            raise BalanceError(
                f"micro-batch {self.letters.batch_id} of {self.letters.table.name} does not add up: {expected} rows "
                f"refused against {kept} dead letters kept ({expected - kept:+d})"
            )
