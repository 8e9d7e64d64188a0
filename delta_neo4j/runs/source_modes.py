"""Which source mode a table is read in: what the user or the mapping says, or what the table offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from delta_neo4j.errors import PreflightError
from delta_neo4j.settings.names import SourceMode
from delta_neo4j.source.append_stream import APPEND
from delta_neo4j.source.change_feed import CDF
from delta_neo4j.source.delta import relation_id, source_token
from delta_neo4j.source.snapshot import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.settings.values import StreamSettings
    from delta_neo4j.source.delta import SourceVersion


def wanted(settings: StreamSettings, table: Table) -> str | None:
    """Return the mode that the settings or the mapping name, None for `auto`: then a checkpoint keeps its own."""
    mode = settings.source_mode or table.source_mode
    return None if mode == "auto" else mode


def chosen(settings: StreamSettings, table: Table, source: SourceVersion, mapped: Iterable[Table]) -> str:
    """Return the mode of a load that begins: as `wanted`, or else the change feed, `append` or `snapshot`."""
    if named := wanted(settings, table):
        return named
    if source.version is None:
        return SNAPSHOT
    return CDF if source.has_feed and not sharing(table, mapped) else APPEND


def tokens(tables: Iterable[Table], sources: dict[str, SourceVersion]) -> list[str]:
    """Return the source tokens that loads of the tables can have, in any mode."""
    modes = [mode for mode in get_args(SourceMode) if mode != "auto"]
    return [source_token(table.name, table_id(table, sources, mode), mode) for table in tables for mode in modes]


def table_id(table: Table, sources: dict[str, SourceVersion], mode: str) -> str:
    """Return the id that a table's source has for loads in a mode: a snapshot knows it by its name."""
    return relation_id(table.source) if mode == SNAPSHOT else sources[table.name].table_id


def check(settings: StreamSettings, tables: Iterable[Table], sources: dict[str, SourceVersion]) -> None:
    """Raise `PreflightError` for a table that the wanted mode cannot read, or whose deletes would take too much."""
    mapped = tuple(tables)
    for table in mapped:
        source, mode = sources[table.name], wanted(settings, table)
        if source.version is None and mode in {APPEND, CDF}:
            raise PreflightError(
                f"source {table.source} is a view or a table of another format than Delta, which source mode {mode} "
                "cannot read: use --source-mode snapshot, which reads all its rows at each run"
            )
        if mode == CDF:
            check_feed(source, table, mapped)
        elif mode == SNAPSHOT or source.version is None:
            _check_apart(table, mapped)


def check_feed(source: SourceVersion, table: Table, mapped: Iterable[Table]) -> None:
    """Raise `PreflightError` if the table has no change data feed, or if its deletes would take too much."""
    if not source.has_feed:
        raise PreflightError(
            f"source table {table.source} has no change data feed, which source mode cdf reads: switch it on with "
            f"ALTER TABLE … SET TBLPROPERTIES (delta.enableChangeDataFeed = true), then run with "
            "--reset-checkpoint; or use source mode append or snapshot"
        )
    _check_apart(table, mapped)


def _check_apart(table: Table, mapped: Iterable[Table]) -> None:
    if not table.keeps_deleted and (other := sharing(table, mapped)):
        raise PreflightError(
            f"tables {table.name} and {other.name} of the mapping write nodes of one label, {table.labels[0]}: a "
            "row that is deleted from one table would take what the other wrote; use source mode append for both, "
            f"or `deletes: keep` for {table.name}"
        )


def sharing(table: Table, mapped: Iterable[Table]) -> Table | None:
    """Return another table whose rows are nodes of the same label, or None."""
    others = (each for each in mapped if each.name != table.name)
    return next((each for each in others if each.labels[:1] == table.labels[:1] != ()), None)
