"""
The keys that rows of a micro-batch say are gone: which of them go from the graph, and which the table still has.

A delete in a change feed does not mean that its key is gone. The table may have another row of the key, the row may
come back in a later commit, the row after an update may be a dead letter, and Delta may cut a commit between its
deletes and its inserts. So a key goes only if no row of the table has it, sound or unsound, at the version that the run
reads up to. If the table still has it, its rows there are written once more, because one of them is the winner now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.errors import DeleteGuardError
from delta_neo4j.graph import deletes
from delta_neo4j.source import change_feed, freeze
from delta_neo4j.source.row_columns import RowColumns, with_typed_values
from delta_neo4j.source.snapshot import SNAPSHOT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.graph.writer import GraphWriter
    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.pipeline.step import Step


@dataclass(frozen=True)
class Gone:
    """
    The frozen rows of a micro-batch whose keys go: `leaving`, `count` of them.

    `still` is the number of rows whose keys the table still has, `again` has the table's (contract) rows of these keys.
    """

    leaving: DataFrame
    count: int
    still: int = 0
    again: DataFrame | None = None


def settle(step: Step, rows: DataFrame, count: int, commit: int | None) -> Gone:
    """
    Return what becomes of `count` frozen rows that say that their key is gone, each of another key.

    `commit`: the highest commit of the micro-batch, None if rows are only appended: then the row that is read later
    decides. Otherwise the table is read at that version or the run's, for the keys of these rows only.
    """
    if commit is None:
        return Gone(rows, count)
    table, names = step.table, [f"key{i}" for i in range(len(step.table.key))]
    of_table = change_feed.rows_at(rows.sparkSession, table, _version(step, commit))
    keyed = with_keys(table, with_typed_values(table.keys_only(), of_table), names)
    wanted = with_keys(table, rows, names)
    path = f"{step.staging_path}/present"
    found = keyed.select(*names).join(wanted.select(*names), names, "left_semi").distinct()
    freeze.overwrite(found, path)
    present = rows.sparkSession.read.schema(found.schema).parquet(path)
    still = present.count()
    if not still:
        return Gone(rows, count)
    leaving = wanted.join(present, names, "left_anti").drop(*names)
    return Gone(leaving, count - still, still, keyed.join(present, names, "left_semi").select(*of_table.columns))


def with_keys(table: Table, rows: DataFrame, names: list[str]) -> DataFrame:
    """Add the typed parts of the rows' keys under these names; null where a part has no value of its type."""
    columns = RowColumns(table.keys_only(), rows.schema)
    return rows.withColumns({name: columns.value(p) for name, p in zip(names, table.key, strict=True)})


def _version(step: Step, commit: int) -> int:
    # A stream may read commits that were made after the run had looked at the table.
    return max(step.source_version or 0, commit)


def check_guard(step: Step, writer: GraphWriter, gone: Gone, *, writes: bool, deleted: int, commit: int | None) -> None:
    """
    Raise `DeleteGuardError` if the keys of `gone`, and the `deleted` ones of the run so far, are too many.

    Too many: more than `--allow-deletes`; without it more than a fifth of the table's nodes (edges of an edge list) and
    more than 1,000, or all of them if the micro-batch `writes` none and the table has no rows. The graph is asked only
    if the number of keys makes it necessary.
    """
    snapshot = step.load.source_mode == SNAPSHOT
    if not gone.count or (step.source_version is None and not snapshot):
        return
    table, connection, tokens = step.table, step.target.connection, [f"{step.target.source_token}:"]
    given, most = step.allow_deletes, gone.count
    if given is None:
        may_empty = not writes and deletes.count(connection, table, tokens, most + 1) <= most
        if not may_empty and deleted + most <= step.limits.delete_floor:
            return
    elif deleted + most <= given:
        return
    removed, nodes = writer.delete_own(gone.leaving, only_find=True).counts["deleted"], 0
    nodes = deletes.count(connection, table, tokens)
    limit = step.limits.deletes(nodes + deleted) if given is None else given
    # A micro-batch of a snapshot has all rows of the table.
    if (
        given is None
        and not writes
        and removed
        and removed >= nodes
        and (snapshot or _is_empty(step, gone.leaving, commit))
    ):
        limit = min(limit, deleted + removed - 1)
    stop_above(limit, table, deleted + removed, nodes + deleted, "this micro-batch has changed nothing")


def stop_above(limit: int, table: Table, removed: int, nodes: int, so_far: str) -> None:
    """Raise `DeleteGuardError` if a run would delete `removed` of the table's `nodes` and these exceed the limit."""
    if removed > limit:
        what = "relationships" if table.edge else "nodes"
        raise DeleteGuardError(
            f"the source would delete {removed:,} of the {nodes:,} {what} of table {table.name}, more than the "
            f"{limit:,} that a run may delete unasked; {so_far}. Restore the source, or allow it with "
            f"--allow-deletes {removed}",
            {"would_remove": removed, "of": nodes, "limit": limit},
        )


def _is_empty(step: Step, rows: DataFrame, commit: int | None) -> bool:
    """Return whether the table has no row, apart from rows that say that they are deleted."""
    version = _version(step, commit or 0)
    return not change_feed.rows_at(rows.sparkSession, step.table, version).limit(1).count()
