"""
Which dead letters are open, and which of them a micro-batch settles.

A table has at most one open dead letter of a row and a stage: the newest one. A row is known by its key; one without a
usable key by its raw values. A row of the table `dead_letters` with the reason class `CLOSED` settles what went before.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.state.checkpoint import Load
    from delta_neo4j.state.tables import State

CLOSED = "closed"

# Only letters of the attempt that the ledger names count; the others are of attempts that were killed.
COUNTED = (
    "{dead_letters} AS letter JOIN {ledger} AS done ON done.load_id = letter.load_id "
    "AND done.batch_id = letter.batch_id AND done.attempt = letter.attempt"
)
_NEWEST_FIRST = (
    "row_number() OVER (PARTITION BY letter.table_name, letter.stage, coalesce(letter.row_key, letter.row) "
    "ORDER BY letter.recorded_at DESC, letter.load_id DESC, letter.batch_id DESC)"
)
# The open letters, for Spark and for `deltalake`: a statement with state tables in braces.
OPEN = (
    "SELECT table_name, load_id, stage, reason_class, reason, row_key, row FROM (SELECT letter.table_name, "
    "letter.load_id, letter.stage, letter.reason_class, letter.reason, letter.row_key, letter.row, "
    f"{_NEWEST_FIRST} AS place FROM {COUNTED}) AS numbered WHERE place = 1 AND reason_class <> '{CLOSED}'"
)


def of_load(spark: SparkSession, state: State, table: Table, load: Load) -> DataFrame:
    """
    Return the open letters of a table: table_name, load_id, stage, reason_class, reason, row_key, row.

    Letters of loads before `load` are settled: it reads every row again. The state must have the tables
    `dead_letters` and `ledger`.
    """
    from pyspark.sql import functions as F  # noqa: N812  # the statements are for readers without pyspark, too

    names = {name: state.sql_name(name) for name in ("dead_letters", "ledger")}
    found = spark.sql(OPEN.format(**names))
    return found.where((F.col("table_name") == table.name) & (F.col("load_id") >= load.load_id))


def settled(letters: DataFrame, frozen: DataFrame, leaving: DataFrame | None, table: Table) -> DataFrame:
    """
    Return those of the open `letters` whose rows a micro-batch writes, finds unchanged or deletes.

    `frozen`: its frozen rows; `leaving`: those of them whose keys go.
    """
    from pyspark.sql import functions as F  # noqa: N812

    from delta_neo4j.source import ranking
    from delta_neo4j.source.row_texts import row_json, row_key

    winners, keyless = (frozen.where(F.col(ranking.STATE) == each) for each in (ranking.WINNER, ranking.KEYLESS))
    known = [winners.select(row_key(table).alias("known")), keyless.select(row_json(table).alias("known"))]
    if leaving is not None:
        known.append(leaving.select(row_key(table).alias("known")))
    rows = reduce(lambda some, more: some.unionByName(more), known)
    return letters.join(rows, F.coalesce("row_key", "row") == F.col("known"), "left_semi")


def without(letters: DataFrame, again: Sequence[DataFrame]) -> DataFrame:
    """Return `letters` without those that are dead letters `again`, of the same row and stage."""
    from pyspark.sql import functions as F  # noqa: N812

    for each in again:
        met = each.select(F.coalesce("row_key", "row").alias("known"), F.col("stage").alias("met"))
        same = (F.coalesce("row_key", "row") == F.col("known")) & (F.col("stage") == F.col("met"))
        letters = letters.join(met, same, "left_anti")
    return letters


def count(spark: SparkSession, state: State, table: Table, load: Load) -> int:
    """Return the number of open letters of a table; see `of_load`."""
    since = f"SELECT table_name, count(*) AS letters FROM ({OPEN}) AS open WHERE load_id >= '{load.load_id}'"
    found = state.rows(spark, f"{since} GROUP BY table_name")
    return sum(each["letters"] for each in found if each["table_name"] == table.name)
