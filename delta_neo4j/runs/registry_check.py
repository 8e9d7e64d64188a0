"""The comparison of the graph's registry with the state, when the load of a table begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError, SourceError
from delta_neo4j.graph import deletes, registry
from delta_neo4j.runs.verify import reached

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.graph.registry import Entry
    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.state.checkpoint import Load
    from delta_neo4j.state.ledger import LedgerPosition


def check_state(entry: Entry | None, state_id: str, *, take_over: bool) -> None:
    """Raise `PreflightError` if another state than `state_id` has loaded the source into the graph."""
    if entry and entry.state != state_id and not take_over:
        raise PreflightError(
            f"another state (id {entry.state}, load {entry.load}) has loaded table {entry.table} into this graph, and "
            "would not notice what this run writes: use that --state; or `load --take-over`, after which that state is "
            "refused"
        )


def check_owner(connection: Connection, table: Table, load: Load, entries: dict[str, Entry], state_id: str) -> None:
    """
    Check that rows of a load may be written again by another command of the state, which has the table's lease.

    `entries`: those of the graph, by source token. Raises `PreflightError` if another state has loaded the table since,
    or if a load of it was killed.
    """
    token = reached.token_of(table, load)
    check_state(entries.get(token), state_id, take_over=False)
    if any(each["loading"] for each in registry.marks(connection, [token])[0]):
        raise reached.unended(table)


def lacking(entry: Entry | None, position: LedgerPosition, has_rows: Callable[[], bool]) -> str | None:
    """
    Return, as a phrase, what the graph lacks of the micro-batches that the ledger has recorded; None if nothing.

    `has_rows` asks the graph for a row of the source: only that tells where a release before the registry has recorded
    them all.
    """
    if position.registered is None:
        is_known = entry is not None or position.rows_recorded <= 0
        return None if is_known or has_rows() else "it has none of the rows"
    if entry is None:
        return "its registry does not know the table"
    if entry.version < position.registered:
        return f"its registry knows nothing after micro-batch {entry.batch} of load {entry.load}"
    return None


def settle(step: Step, entries: dict[str, Entry]) -> None:
    """
    Compare the source's entry in the graph with the ledger; raise `SourceError` if the graph lacks what that recorded.

    `entries`: those of the graph, by source token. Writes one if this state takes the source over, or goes on where a
    release before the registry ended.
    """
    target, position = step.target, step.position
    entry = entries.get(target.source_token)
    tokens = [f"{target.source_token}:"]
    lacks = lacking(entry, position, lambda: deletes.count(target.connection, step.table, tokens, 1) > 0)
    if lacks:
        raise SourceError(
            f"the graph was emptied, or restored from a backup: {lacks}, of which the state has recorded micro-batches "
            f"up to {position.last_recorded} (table {step.table.name}). Write what it lacks with delta-neo4j verify "
            "--repair; or read every row again with delta-neo4j load --reset-checkpoint"
        )
    if entry.state != step.state_id if entry else position.last_recorded >= 0:
        registry.write(target.connection, target.source_token, target.run_id, step.entry(position.last_recorded))
