"""The part of the graph's registry that a micro-batch writes, and the check that its run may write at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.graph import registry

if TYPE_CHECKING:
    from delta_neo4j.graph.registry import Entry
    from delta_neo4j.pipeline.step import Step


def keep_lease(step: Step) -> None:
    """
    Raise `CheckpointHeldError` if the run has lost its lease.

    A step that is not registered in the graph has no lease, and may always write.
    """
    if step.state_id is not None:
        registry.write(step.target.connection, step.target.source_token, step.target.run_id)


def register(step: Step, entry: Entry) -> tuple[int | None, tuple[str, ...]]:
    """
    Write the entry of a micro-batch; return its version there, and the bookmarks of what the graph has now.

    The version is None if the step is not registered. Raises as `keep_lease`.
    """
    target = step.target
    if step.state_id is None:
        return None, registry.newest_bookmarks(target.connection)
    return entry.version, registry.write(target.connection, target.source_token, target.run_id, entry)
