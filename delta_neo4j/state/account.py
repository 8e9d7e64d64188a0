"""The account of a micro-batch: counts of rows, relationships, texts, transactions; seconds; and its equations."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from delta_neo4j.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Iterator


OUTCOMES = ("written", "unchanged", "superseded", "deleted", "dead_lettered", "without_end")
# What a row of each kind of change adds to the number of rows in the table.
SIGNS = {"insert": 1, "update_postimage": 1, "delete": -1, "update_preimage": -1}
EDGE_TERMS = ("expected", "written", "unchanged", "skipped", "dead_lettered", "removed", "parallel")
EMBEDDING_TERMS = ("texts", "cache_hits", "texts_embedded", "texts_faulted", "calls", "retries")
WRITER_TERMS = ("transactions", "retries", "deadlocks", "halved", "end_nodes_created")


@dataclass
class Account:
    """The outcomes of a micro-batch's rows, edges and texts, as counts; `seconds` has the time of each stage."""

    rows_read: int = 0
    kinds: dict[str, int] = field(default_factory=dict)  # the rows read from a change feed, by kind of change
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    without_text: int = 0
    swept: int = 0  # nodes, or edges of an edge list, that a sweep deleted: no row says so
    truncated: int | None = 0  # texts that the model truncates; None: unknown, because the tokenizer is missing
    relationships: dict[str, dict[str, int]] = field(default_factory=dict)
    embedding: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EMBEDDING_TERMS, 0))
    writer: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WRITER_TERMS, 0))
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds of a `with` block to `stage`, also if the block raises."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - began

    def edges(self, edge_type: str) -> dict[str, int]:
        """Return the counts of one relationship type, which the caller may change; all zero if it is new."""
        return self.relationships.setdefault(edge_type, dict.fromkeys(EDGE_TERMS, 0))

    def add(self, other: Account) -> None:
        """Add another account to this one."""
        self.rows_read += other.rows_read
        _add(self.kinds, other.kinds)
        self.without_text += other.without_text
        self.swept += other.swept
        self.add_truncated(other.truncated)
        _add(self.outcomes, other.outcomes)
        _add(self.embedding, other.embedding)
        _add(self.writer, other.writer)
        for edge_type, terms in other.relationships.items():
            _add(self.edges(edge_type), terms)
        for stage, seconds in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def add_truncated(self, count: int | None) -> None:
        """Add a number of texts that the model truncates; if one number is None (unknown), the sum is None."""
        self.truncated = None if self.truncated is None or count is None else self.truncated + count

    @property
    def has_letters(self) -> bool:
        """Whether rows or relationships became dead letters."""
        counts = [self.outcomes, *self.relationships.values()]
        return any(each["dead_lettered"] for each in counts)

    @property
    def makes_nothing(self) -> bool:
        """Whether rows of an edge list were read and no row has both ends."""
        return 0 < self.rows_read == self.outcomes["without_end"]

    @property
    def rows_added(self) -> int:
        """By how many rows the read rows change the number of rows in the table: each by one, without a feed."""
        return sum(SIGNS[kind] * count for kind, count in self.kinds.items()) if self.kinds else self.rows_read

    def imbalances(self) -> list[str]:
        """Return a phrase for each equation that does not hold, with the difference."""
        sums = [("rows read", self.rows_read, sum(self.outcomes.values()), "outcomes")]
        if self.kinds:
            sums.append(("rows read", self.rows_read, sum(self.kinds.values()), "rows by kind of change"))
        for edge_type, terms in self.relationships.items():
            accounted = sum(terms[name] for name in ("written", "unchanged", "skipped", "dead_lettered"))
            sums.append((f"{edge_type} relationships expected", terms["expected"], accounted, "outcomes"))
        accounted = sum(self.embedding[name] for name in ("cache_hits", "texts_embedded", "texts_faulted"))
        sums.append(("distinct texts", self.embedding["texts"], accounted, "cache hits, embedded and faulted"))
        return [
            f"{left} {what} against {right} {other} ({left - right:+d})"
            for what, left, right, other in sums
            if left != right
        ]

    def check(self, where: str) -> None:
        """Raise `BalanceError` unless every equation holds."""
        faults = self.imbalances()
        if faults:
            raise BalanceError(f"{where} does not add up: {'; '.join(faults)}; nothing is recorded as done")


def _add(totals: dict[str, int], counts: dict[str, int]) -> None:
    for name, value in counts.items():
        totals[name] = totals.get(name, 0) + value
