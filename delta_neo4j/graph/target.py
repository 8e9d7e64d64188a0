"""The graph that a run writes to, with what its passes need for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from delta_neo4j.graph.passes.runner import PassRunner
    from delta_neo4j.settings.connection import Connection


@dataclass(frozen=True)
class Target:
    """
    The graph, as the passes of a run need it.

    `write_partitions` writers run at the same time; a transaction has at most `batch_size` rows. `source_token` is the
    first part of a row's version and stands for its source: versions are compared only if their tokens are equal.
    """

    connection: Connection
    runner: PassRunner
    write_partitions: int
    batch_size: int
    source_token: str
    run_id: str
