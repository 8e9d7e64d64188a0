"""The load of one table as a frozen, picklable value for the process that runs its micro-batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delta_neo4j.graph.registry import Entry
from delta_neo4j.settings.budget import UNLIMITED, Allowance, Budget
from delta_neo4j.settings.limits import LIMITS, Limits
from delta_neo4j.source.change_feed import CDF
from delta_neo4j.source.snapshot import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.embedding.cache import EmbeddingCache
    from delta_neo4j.graph.target import Target
    from delta_neo4j.mapping.leads import Lead
    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.state.checkpoint import Load
    from delta_neo4j.state.ledger import Ledger, LedgerPosition


def no_hook(step: str, value: Any) -> Any:  # noqa: ARG001
    """Return every value unchanged."""
    return value


@dataclass(frozen=True)
class Step:
    """
    The load of one table into one graph.

    `position` is what the ledger had recorded when the run began. If `deletes` is set, each row is a key of that table
    to delete, and `table` has only the key. `source_version` is the table's newest version when the run began, None for
    rows that are read from no table; `allow_deletes` is the number that the user gave. `staging_path` is the folder of
    the frozen rows. `tokenizer` is JSON, set if the table's texts are cut into chunks. `state_id` is the state's in the
    graph's registry, None for rows that are not registered there: those of frames and of streams of the caller.
    `keeps_waiting`: whether the state records edges that find no end; the rows must be in a table that the run which
    brings the end can read again. `failed`: whether an attempt at a micro-batch has failed in this process. `leads`:
    the relationships of the mapping's rows that lead to the table's nodes, and that go and wait when a node is deleted.
    `hook(name, value)` is called between the steps of a micro-batch and returns the value to go on with;
    `pipeline.batch` lists the names.
    """

    table: Table
    load: Load
    ledger: Ledger
    position: LedgerPosition
    cache: EmbeddingCache
    embedder: Embedder | None
    target: Target
    staging_path: str
    deletes: Table | None = None
    source_version: int | None = None
    allow_deletes: int | None = None
    tokenizer: str | None = None
    state_id: str | None = None
    keeps_waiting: bool = False
    failed: bool = False
    leads: tuple[Lead, ...] = ()
    budget: Budget = UNLIMITED
    limits: Limits = LIMITS
    hook: Callable[[str, Any], Any] = no_hook

    def allowance(self, spark: SparkSession) -> Allowance:
        """Return what the budget still allows after the run's recorded micro-batches."""
        counts = self.budget.counts_texts
        return Allowance(self.budget, *(self.ledger.spent(spark, self.target.run_id) if counts else (0, 0.0)))

    def entry(self, batch_id: int) -> Entry:
        """Return what the graph's registry says when the graph has the micro-batch."""
        load, table = self.load, self.table
        identity = (table.name, table.source, load.source_mode, self.state_id or "", load.load_id)
        return Entry(*identity, batch_id, load.version(batch_id))

    @property
    def follows_deletes(self) -> bool:
        """Whether the load notices that a row is gone from the table, or that it says so."""
        return self.load.source_mode in {CDF, SNAPSHOT} or self.table.deleted_when is not None
