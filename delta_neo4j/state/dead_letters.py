"""Dead letters: the rows that could not be loaded, with stage and reason, in the state table `dead_letters`."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.errors import BalanceError, DeadLetterGateError
from delta_neo4j.source.failing_expressions import EXPRESSION_FAILED
from delta_neo4j.source.row_columns import RowColumns
from delta_neo4j.source.row_texts import row_json, row_key
from delta_neo4j.source.rules import FAULT, FAULT_CLASS, without_key
from delta_neo4j.source.values import sql_type
from delta_neo4j.state import open_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.state.tables import State


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letters:
    """Dead letters to append: rows of the table `dead_letters`, and how many there must be of each reason class."""

    rows: DataFrame
    classes: dict[str, int]

    @property
    def count(self) -> int:
        """The number of dead letters."""
        return sum(self.classes.values())


def keyed(
    table: Table, rows: DataFrame, keys: list[list[Any]], more: Sequence[tuple[str, ...]], columns: str
) -> tuple[DataFrame, list[Column]]:
    """
    Return a frame of `keys` that a pass returned, and the conditions that join it to frozen `rows`.

    `more` has one tuple for each key: the values of further STRING columns, whose names `columns` lists ("a, b").
    """
    names = [f"key_{i}" for i in range(len(table.key))]
    schema = ", ".join(f"{name} STRING" for name in [*names, *filter(None, columns.split(", "))])
    data = [(*map(str, key), *further) for key, further in zip(keys, more, strict=True)]
    row_columns = RowColumns(table, rows.schema)
    same_key = [
        row_columns.value(prop).eqNullSafe(F.expr(f"try_cast({name} AS {sql_type(prop)})"))
        for name, prop in zip(names, table.key, strict=True)
    ]
    return rows.sparkSession.createDataFrame(data, schema), same_key


@dataclass(frozen=True)
class DeadLetters:
    """Makes, appends and counts the dead letters of one attempt at one micro-batch."""

    state: State
    table: Table
    load_id: str
    batch_id: int
    attempt: str

    def of_unsound(self, rows: DataFrame, classes: dict[str, int]) -> Letters:
        """Return the dead letters of unsound rows; `classes` has their number by reason class."""
        key = F.when(~without_key(self.table, rows), row_key(self.table))
        return Letters(self._letters(rows, "validation", F.col(FAULT_CLASS), F.col(FAULT), key), classes)

    def of_faulted(self, rows: DataFrame, count: int) -> Letters:
        """Return the dead letters of `count` rows whose text was not embedded; `embedding_fault` has the reasons."""
        letters = self._letters(rows, "embedding", F.lit("embedding_fault"), F.col("embedding_fault"))
        return Letters(letters, {"embedding_fault": count})

    def of_refused(self, rows: DataFrame, refusals: list[dict[str, Any]], stage: str) -> Letters:
        """
        Return the dead letters of rows that Neo4j refused in the pass `stage`.

        A refusal has the row's `key`, the `reason_class` and the `reason`; the row is found in `rows` by that key.
        """
        reasons = [(r["reason_class"], r["reason"]) for r in refusals]
        refused, same_key = keyed(
            self.table, rows, [r["key"] for r in refusals], reasons, "refused_class, refused_reason"
        )
        joined = refused.join(rows, on=same_key, how="left")
        classes = Counter(refusal["reason_class"] for refusal in refusals)
        return Letters(self._letters(joined, stage, F.col("refused_class"), F.col("refused_reason")), classes)

    def closing(self, settled: DataFrame) -> DataFrame:
        """Return the rows that close open letters."""
        return settled.select(
            *self._names(),
            "row_key",
            "stage",
            F.lit(open_letters.CLOSED).alias("reason_class"),
            F.lit(None).cast("string").alias("reason"),
            "row",
            F.current_timestamp().alias("recorded_at"),
        )

    def append(self, letters: DataFrame) -> None:
        """Append dead letters to the table; only those of the attempt that the ledger row names are counted later."""
        self.state.append(letters, "dead_letters")

    def kept(self, spark: SparkSession) -> int:
        """Return how many dead letters of this attempt the table has."""
        of_attempt = f"load_id = '{self.load_id}' AND batch_id = {self.batch_id} AND attempt = '{self.attempt}'"
        found = self.state.rows(
            spark,
            f"SELECT count(*) AS kept FROM {{dead_letters}} WHERE {of_attempt} "
            f"AND reason_class <> '{open_letters.CLOSED}'",
        )
        return sum(int(each["kept"]) for each in found)

    def _letters(
        self, rows: DataFrame, stage: str, reason_class: Column, reason: Column, key: Column | None = None
    ) -> DataFrame:
        return rows.select(
            *self._names(),
            (row_key(self.table) if key is None else key).alias("row_key"),
            F.lit(stage).alias("stage"),
            reason_class.alias("reason_class"),
            reason.alias("reason"),
            row_json(self.table).alias("row"),
            F.current_timestamp().alias("recorded_at"),
        )

    def _names(self) -> list[Column]:
        return [
            F.lit(self.load_id).alias("load_id"),
            F.lit(self.batch_id).cast("bigint").alias("batch_id"),
            F.lit(self.attempt).alias("attempt"),
            F.lit(self.table.name).alias("table_name"),
        ]


@dataclass
class DeadLetterBuffer:
    """
    Collects the dead letters of a micro-batch until `keep` appends them to the table.

    `allowed` is the gate: if there are more dead letters, the mapping or the source is wrong, and not single rows.
    """

    letters: DeadLetters
    rows_read: int
    allowed: int
    hook: Callable[[str, Any], Any]
    pending: list[Letters] = field(default_factory=list)

    def add(self, letters: Letters) -> None:
        """Add dead letters; if there are more than `allowed`, append them and raise `DeadLetterGateError`."""
        self.pending.append(letters)
        log.info("rows.dead_lettered", extra={"table": self.letters.table.name, "classes": letters.classes})
        count = sum(each.count for each in self.pending)
        if count > self.allowed:
            self.keep()  # the user needs the letters
            reasons = _most_frequent([each.rows for each in self.pending])
            in_expressions = " (in an expression: nullif(trim(COLUMN), ''))" if EXPRESSION_FAILED in reasons else ""
            raise DeadLetterGateError(
                f"{count} of {self.rows_read} rows of a micro-batch are dead letters, more than the {self.allowed} "
                f"allowed: {reasons}. Correct the source or the mapping and run again; texts that stand for nothing "
                "are null with `empty` or `null_words` in the mapping, which need no --reset-checkpoint"
                f"{in_expressions}. All rows and reasons are in the state table dead_letters"
            )

    def keep(self, settled: DataFrame | None = None) -> None:
        """
        Append the collected dead letters; close the `settled` ones of before, except those that are collected again.

        Raises `BalanceError` unless the table then has exactly so many letters.
        """
        parts, expected = [each.rows for each in self.pending], sum(each.count for each in self.pending)
        if settled is not None:
            parts.append(self.letters.closing(open_letters.without(settled, parts)))
        if not parts:
            return
        rows = self.hook("dead_letters", reduce(lambda some, more: some.unionByName(more), parts))
        self.letters.append(rows)
        kept = self.letters.kept(rows.sparkSession)
        if kept != expected:
            raise BalanceError(
                f"micro-batch {self.letters.batch_id} of {self.letters.table.name} does not add up: {expected} rows "
                f"refused against {kept} dead letters kept ({expected - kept:+d})"
            )


_REASONS_SHOWN = 3


def _most_frequent(letters: list[DataFrame]) -> str:
    """Return the reasons that most of the letters have, with their class, count and an example: one Spark job."""
    rows = reduce(lambda some, more: some.unionByName(more), letters)
    # A reason is the column, a colon and the value.
    place = F.substring_index("reason", ": ", 1)
    counted = rows.groupBy("reason_class", place.alias("place")).agg(F.count("*").alias("rows"), F.min("reason"))
    found = counted.orderBy(F.desc("rows"), "reason_class", "place").limit(_REASONS_SHOWN).collect()
    return "; ".join(f"{row['rows']:,} {row['reason_class']} ({str(row[3])[:200]})" for row in found)
