"""The budget of a run: a run that reaches a limit stops cleanly, and the next run resumes."""

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

    `texts`: number of texts to embed. `deadline`: time in seconds since 1970. `embed_seconds`: the seconds of
    embedding that `--budget-cost` pays for.
    """

    texts: int | None = None
    deadline: float | None = None
    embed_seconds: float | None = None

    @property
    def counts_texts(self) -> bool:
        """Whether a limit depends on the texts or seconds that earlier micro-batches of the run spent."""
        return self.texts is not None or self.embed_seconds is not None


UNLIMITED = Budget()


@dataclass
class Allowance:
    """
    The budget, and how much of it the run has spent; one object for each micro-batch.

    `texts` and `embed_seconds` start with the amounts that earlier micro-batches spent; `limit` adds to `texts`.
    """

    budget: Budget
    texts: int = 0
    embed_seconds: float = 0.0
    _began: float = field(default_factory=time.monotonic)

    def limit(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield texts to the embedder until a limit is reached; the embedder still finishes the calls under way."""
        self._began = time.monotonic()
        for text in texts:
            if self.reached() is not None:
                return
            self.texts += 1
            yield text

    def reached(self) -> str | None:
        """Return the name of the limit that is reached, or None."""
        budget = self.budget
        if budget.texts is not None and self.texts >= budget.texts:
            return f"{budget.texts:,} texts"
        if budget.deadline is not None and time.time() >= budget.deadline:
            return "--budget-minutes"
        spent = self.embed_seconds + time.monotonic() - self._began
        if budget.embed_seconds is not None and spent >= budget.embed_seconds:
            return "--budget-cost"
        return None

    def check_time(self, spent: dict[str, int]) -> None:
        """
        Raise `BudgetReachedError` if the deadline has passed; the batch loader calls this between its steps.

        `spent`: the embedding counts of this micro-batch, which are not in the ledger yet.
        """
        if self.budget.deadline is not None and time.time() >= self.budget.deadline:
            raise BudgetReachedError(
                "the budget is spent (--budget-minutes) in the middle of a micro-batch: its vectors and the rows "
                "written so far are kept; run again with more minutes, the next run starts this micro-batch from its "
                "beginning",
                dict(spent),
            )


def stop(limit: str, spent: dict[str, int]) -> BudgetReachedError:
    """Return the error that ends a run at `limit`; `spent`: the embedding counts that are not in the ledger yet."""
    return BudgetReachedError(
        f"the budget is spent ({limit}): what was embedded and written is kept; run again to resume",
        dict(spent),
    )
