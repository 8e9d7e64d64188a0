"""Repeat what is sent to Neo4j as long as its failures pass by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import tenacity

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = TypeVar("Answer")

RETRY_SECONDS = 10.0  # for what is asked outside the passes, so that preflight ends within half a minute
# Many writers meet one failure at the same moment: a random pause keeps them apart.
_PAUSE = tenacity.wait_random_exponential(multiplier=0.2, max=5)  # seconds


def patiently(work: Callable[[], Answer], passes: Callable[[BaseException], bool], seconds: float) -> Answer:
    """
    Return what `work` returns; call it again after an error for which `passes` is true, for at most so many seconds.

    Raises the last error. `work` may have been done although it raised, so it must be idempotent.
    """

    def pause(state: tenacity.RetryCallState) -> float:
        return min(_PAUSE(state), max(0.0, seconds - (state.seconds_since_start or 0.0)))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        stop=tenacity.stop_after_delay(seconds),
        wait=pause,
        reraise=True,
    )
    return retrying(work)
