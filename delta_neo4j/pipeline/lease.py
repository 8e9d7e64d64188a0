"""The part of the graph's registry that a micro-batch writes, and the check that its run may write at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph import registry

if TYPE_CHECKING:
    from delta_neo4j.graph.registry import Entry
    from delta_neo4j.pipeline.step import Step


def keep_lease(step: Step, entry: Entry | None = None) -> int | None:
    """
    Raise `CheckpointHeldError` if the run has lost its lease; otherwise write `entry`, if any, and return its version.

    A step that is not registered in the graph has no lease, and may always write.
    """
    if step.state_id is None:
        return None
    registry.write(step.target.connection, step.target.source_token, step.target.run_id, entry)
    return entry.version if entry else None
