"""The tuning constants of a load, as one value: measured, not settings for users; tests pass smaller ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes that bound the memory and time of a load; every step reads them from this value."""

    slice_rows: int = 100_000  # rows of a slice; writing one takes about twenty seconds
    few_texts: int = 5_000  # up to this many texts, their vectors (8 MB) go to every task; more are joined by a shuffle
    # Bytes of vectors inside a pass. Spark writes a function above a megabyte to disk, with the Neo4j password in it.
    sent_bytes: int = 800_000
    node_rows: int = 1_000  # rows of a transaction that writes properties or vectors; more is slower (measured)
    relationship_rows: int = 2_000  # rows of a transaction that writes keys only
    # The gate for dead letters: up to the floor single rows are wrong; above the share the mapping or source must be.
    gate_floor: int = 100
    gate_share: float = 0.1
    # The guard on deletes: a run that deletes more than both may follow a source that somebody emptied by mistake.
    delete_floor: int = 1_000
    delete_share: float = 0.2
    # The lease of a run on its sources, in seconds: how long it holds, and how often it is renewed.
    lease_seconds: float = 60.0
    renew_seconds: float = 15.0

    def dead_letters(self, rows_read: int) -> int:
        """Return the number of dead letters that a micro-batch of `rows_read` rows may have."""
        return max(self.gate_floor, int(rows_read * self.gate_share))

    def deletes(self, nodes: int) -> int:
        """Return the number of deletes that a run may make in a table with `nodes` nodes or edges in the graph."""
        return max(self.delete_floor, int(nodes * self.delete_share))


LIMITS = Limits()
