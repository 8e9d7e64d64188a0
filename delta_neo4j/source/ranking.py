"""
The ranking of a micro-batch's rows: for each key, which row wins.

All rows of a micro-batch that are appended have the same version. So the order is the mapping's `order_by`, then the
content hash, then the hash of the relationships. The hashes depend on mapped values only, so a repeated micro-batch has
the same winners, also on another machine or in another time zone. Rows of a change feed have their commit's version,
which comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.source import change_feed
from delta_neo4j.source.hashes import content_hash, edge_content_hash, relationship_hash
from delta_neo4j.source.row_columns import RowColumns
from delta_neo4j.source.rules import FAULT, without_end, without_key
from delta_neo4j.source.sequences import SEQUENCE, sequence
from delta_neo4j.source.values import text

if TYPE_CHECKING:
    from pyspark.sql.window import WindowSpec

    from delta_neo4j.mapping.plan import Relationship, Table

STATE, PARALLEL = "state", "parallel"
UNSOUND, WITHOUT_END, SUPERSEDED, WINNER = "unsound", "without_end", "superseded", "winner"
GONE, KEYLESS = "gone", "keyless"  # a row says that its key is gone; it says so, but it has no usable key
_ROLE, _KEYED, _DROPPED = "role", "keyed", "dropped"


def ranked(table: Table, rows: DataFrame, model_id: str, partitions: int) -> DataFrame:
    """
    Add `state`, `content_hash`, `rel_hash` and `text_hash` to validated rows.

    Each row gets one state: `unsound` (it has a fault), `without_end` (of an edge list: it makes no relationship),
    `winner`, or `superseded` (another row with its key won). If rows can say that their key is gone (a change feed,
    `deleted_when`), the newest row of a key may be `gone`, and `keyless` rows say so of no usable key. The hashes are
    hex digits; `text_hash` is null if the row has no text. The result has `partitions` partitions. `parallel` has a
    number for each type in `parallel_types`: 1 if the row's relationship has the ends and key of one that is written,
    and other content.
    """
    columns = RowColumns(table, rows.schema)
    with_text = rows.withColumn("text_hash", F.sha2(text(table), 256))
    hashes = {"content_hash": content_hash(columns, model_id), "rel_hash": relationship_hash(columns, model_id)}
    if table.sequence_by:
        hashes[SEQUENCE] = sequence(table, rows.schema)
    # A row without a key is grouped by its content instead, so that a million rows with a null key are not sent to one
    # task.
    content = F.xxhash64(*[columns.raw(each).cast("string") for each in table.inputs])
    hashed = with_text.withColumns({**hashes, **_roles(table, rows, columns)})
    keys = {f"key{i}": F.when(F.col(_KEYED), columns.value(p)) for i, p in enumerate(table.key)}
    # Columns and not expressions, so that Spark sees that the rows are partitioned already and does not shuffle twice.
    group = [*keys, "alone"]
    grouped = hashed.withColumns({**keys, "alone": F.when(~F.col(_KEYED), content)}).repartition(partitions, *group)
    dropped = _dropped(rows, group)
    if dropped is not None:
        grouped = grouped.withColumn(_DROPPED, dropped)
    window = Window.partitionBy(*group).orderBy(*_newest_first(table, rows, columns))
    rank, role = F.row_number().over(window), F.col(_ROLE)
    state = F.when(role.isin(UNSOUND, WITHOUT_END, KEYLESS), role)
    if dropped is not None:
        state = state.when(F.col(_DROPPED), SUPERSEDED)
    state = state.when(rank == 1, role).otherwise(SUPERSEDED)
    parallel = _parallel(columns, rows, window, rank)
    return grouped.withColumns({STATE: state, PARALLEL: parallel}).drop(*group, _ROLE, _KEYED, _DROPPED)


def parallel_types(table: Table) -> tuple[str, ...]:
    """Return the relationship types that the numbers in `parallel` belong to, in their order."""
    return (table.edge.type,) if table.edge else tuple(each.type for each in table.relationships)


def _roles(table: Table, rows: DataFrame, columns: RowColumns) -> dict[str, Column]:
    """Return the state that a row has if it is the first of its key, and whether it has a key that can be used."""
    role = F.when(F.col(FAULT).isNotNull(), UNSOUND)
    if table.edge:
        role = role.when(without_end(columns, table.edge), WITHOUT_END)
    role, gone = role.otherwise(WINNER), change_feed.gone(table, rows)
    if gone is None:
        return {_ROLE: role, _KEYED: role == WINNER}
    keyed = ~without_key(table, rows)
    if table.sequence_by and change_feed.CHANGE not in rows.columns:
        gone &= sequence(table, rows.schema).isNotNull()  # without one it is unsound
    of_gone = F.when(keyed, GONE).when(role == WITHOUT_END, WITHOUT_END).otherwise(KEYLESS)
    return {_ROLE: F.when(gone, of_gone).otherwise(role), _KEYED: keyed}


def _dropped(rows: DataFrame, group: list[str]) -> Column | None:
    """Return whether a row is the preimage of a postimage with the same key and commit; None without a feed."""
    if change_feed.CHANGE not in rows.columns:
        return None
    change = F.col(change_feed.CHANGE)
    of_commit = Window.partitionBy(*group, change_feed.COMMIT)
    updated = F.max(change == change_feed.POSTIMAGE).over(of_commit)
    return (change == change_feed.PREIMAGE) & updated


def _newest_first(table: Table, rows: DataFrame, columns: RowColumns) -> list[Column]:
    """Return the order of the rows of one key. If rows tie, one that is there comes before one that is gone."""
    ordered = [columns.raw(each).desc_nulls_last() for each in table.order_by]
    if table.sequence_by:
        ordered = [F.col(SEQUENCE).desc_nulls_last()]
    hashes = [F.desc("content_hash"), F.desc("rel_hash")]
    if change_feed.CHANGE in rows.columns:
        ranks = F.col(_ROLE).isin(WINNER, GONE) & ~F.col(_DROPPED)
        return [ranks.desc(), F.desc(change_feed.COMMIT), F.desc(F.col(_ROLE) == WINNER), *ordered, *hashes]
    if table.deleted_when:
        ranks = F.col(_ROLE).isin(WINNER, GONE)
        return [ranks.desc(), *ordered, F.desc(F.col(_ROLE) == WINNER), *hashes]
    return [*ordered, *hashes]


def _parallel(columns: RowColumns, rows: DataFrame, window: WindowSpec, rank: Column) -> Column:
    """Return the column `parallel`."""
    table = columns.table
    if table.edge:
        lost = [F.first("content_hash").over(window) != F.col("content_hash")]
    else:
        lost = [_is_parallel(columns, each, window, rank) for each in table.relationships]
    counts = F.col(_ROLE) == WINNER
    if change_feed.gone(table, rows) is not None:
        counts &= F.first(_ROLE).over(window) == WINNER
    if change_feed.CHANGE in rows.columns:  # rows of an earlier commit are earlier versions
        counts &= F.first(change_feed.COMMIT).over(window) == F.col(change_feed.COMMIT)
    numbers = [F.when(counts & each, 1).otherwise(0) for each in lost]
    return F.array(*numbers) if numbers else F.array().cast("array<int>")


def _is_parallel(columns: RowColumns, relationship: Relationship, window: WindowSpec, rank: Column) -> Column:
    """Return whether a row's relationship is lost in another one, of the winner or of the row, with other content."""
    if relationship.retired or not relationship.properties:
        return F.lit(False)  # it has no content of its own
    content, found = edge_content_hash(columns, relationship), F.struct(*columns.identity(relationship))
    same_as_winner = F.first(found).over(window).eqNullSafe(found)
    lost = (rank > 1) & same_as_winner & (F.first(content).over(window) != content)
    for earlier, same in columns.same_before(relationship):
        lost |= (rank == 1) & same & (edge_content_hash(columns, earlier) != content)
    return columns.has_end(relationship) & lost
