"""The deletes at the end of a micro-batch: nodes that the loader made for rows, and that no row leads to any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph import deletes

if TYPE_CHECKING:
    from delta_neo4j.pipeline.step import Step
    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.state.account import Account


def sweep(step: Step, connection: Connection, account: Account, *, maybe: bool, first: bool) -> None:
    """
    Delete text nodes that no row points at, and after deletes end nodes without relationships, if there may be any.

    `maybe`: whether the micro-batch left text nodes. `first`: an attempt that was killed or failed may have left both.
    """
    table = step.deletes or step.table
    with account.timed("write"):
        if maybe or first:
            for label in dict.fromkeys(each.end_label for each in table.relationships if each.of_text):
                deletes.sweep(connection, table, label)
        removed = account.outcomes["deleted"] or any(terms["removed"] for terms in account.relationships.values())
        resumed = first and (step.failed or step.position.last_recorded >= 0)
        if step.follows_deletes and not step.deletes and (removed or resumed):
            deletes.sweep_ends(connection, table)
