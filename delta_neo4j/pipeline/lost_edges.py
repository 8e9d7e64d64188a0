"""
The edges that go together with a deleted end node, recorded for the run which brings the end back.

The graph and the state have no transaction in common, so the order makes it safe: first the edges are listed and
recorded, then the nodes are deleted. A run that is killed in between, or whose delete comes to nothing, has recorded
edges that are still there: such an entry counts, is found written at the end of the next load, and is closed. So an
entry counts whether its micro-batch is in the ledger or not. In the other order a killed run would lose the edges: the
next attempt finds neither the nodes nor what led to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state.waiting_edges import WaitingEdges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.graph.writer import GraphWriter
    from delta_neo4j.pipeline.step import Step


def keep(step: Step, writer: GraphWriter, keyed: DataFrame, attempt: tuple[int, str], *, listed: bool = False) -> None:
    """
    Record the edges of the step's leads that go when the writer deletes these keys (k0…, and version v).

    `attempt`: the batch id, and the id of the attempt. `listed`: whether the delete is `delete_listed`.
    """
    for number, lead in enumerate(step.leads):
        path = f"{step.staging_path}/lost/{number}"
        found = writer.list_lost(keyed, step.leads, number, path, listed=listed)
        if found.limit(1).count():
            waiting = WaitingEdges(step.ledger.state, lead.table, step.load.load_id, *attempt)
            with deciding_values(found.sparkSession, step.table.timezone):
                waiting.append(waiting.of_lost(found, lead.kind))
