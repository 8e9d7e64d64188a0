"""What a run may spend, and the stop that comes before more is spent: clean, and resumed by the next run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from delta_neo4j.errors import BudgetReachedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Budget:
    """
    The limits of a run; None is no limit.

    `texts` to embed, `deadline` in seconds since 1970, `embed_seconds` of embedding (what a cost buys).
    """

    texts: int | None = None
    deadline: float | None = None
    embed_seconds: float | None = None

    @property
    def counts_texts(self) -> bool:
        """Whether what earlier micro-batches spent must be known."""
        return self.texts is not None or self.embed_seconds is not None


UNLIMITED = Budget()


@dataclass
class Allowance:
    """What is left of a budget inside one micro-batch, after `texts` and `embed_seconds` spent before it."""

    budget: Budget
    texts: int = 0
    embed_seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def ration(self, texts: Iterable[str]) -> Iterator[str]:
        """Pass texts on to a strategy until a limit is reached; what is under way then is still answered."""
        self._began = time.monotonic()
        for text in texts:
            if self.reached() is not None:
                return
            self.texts += 1
            yield text

    def reached(self) -> str | None:
        """Say which limit is reached, None while there is something left."""
        budget = self.budget
        if budget.texts is not None and self.texts >= budget.texts:
            return f"{budget.texts:,} texts"
        if budget.deadline is not None and time.time() >= budget.deadline:
            return "the minutes given"
        spent = self.embed_seconds + time.monotonic() - self._began
        if budget.embed_seconds is not None and spent >= budget.embed_seconds:
            return "the cost given"
        return None

    def check_time(self, spent: dict[str, int]) -> None:
        """
        Raise `BudgetReachedError` when the time is over: between steps that spend nothing but time.

        `spent` are the embedding terms of the micro-batch that is left.
        """
        if self.budget.deadline is not None and time.time() >= self.budget.deadline:
            raise BudgetReachedError(
                "the budget is spent (the minutes given) in the middle of a micro-batch: what was embedded and written "
                "is kept, the next run takes the micro-batch from its beginning and needs minutes for all of it",
                dict(spent),
            )


def stop(limit: str, spent: dict[str, int]) -> BudgetReachedError:
    """Give the error that ends a run whose budget is spent; `spent` are the embedding terms not yet recorded."""
    return BudgetReachedError(
        f"the budget is spent ({limit}): what was embedded and written is kept, the next run goes on from there",
        dict(spent),
    )
