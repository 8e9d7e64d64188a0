"""The figures of a report's page: micro-batches in groups, the rate over time as an SVG path, seconds by stage."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_LINES = 30  # lines of micro-batches on the page; more micro-batches are shown in groups
MOST_POINTS = 200  # steps of the curve
WIDTH, HEIGHT = 1000, 240  # of the drawing, in its own units; the page stretches it
# Each stage in the order in which a run goes through them, in words.
STAGES = {
    "startup": "start of Spark",
    "preflight": "preflight",
    "read": "read the source",
    "stage": "check, rank, freeze",
    "embed": "embed texts",
    "look_up": "look up unchanged rows",
    "write": "write nodes",
    "relate": "write relationships",
    "record": "record",
    "other": "else: planning, end",
}


@dataclass(frozen=True)
class Group:
    """Consecutive micro-batches of one table; `began` is when the first one began, in UTC as `ended`."""

    table: str
    first: int
    last: int
    count: int
    rows: int
    outcomes: dict[str, int]
    embedded: int
    cache_hits: int
    seconds: float
    began: dt.datetime
    ended: dt.datetime

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Curve:
    """The rate over time as steps: the outline and the area as paths, the highest rate, and the labels of the axes."""

    line: str
    area: str
    top: float
    from_moment: dt.datetime
    to_moment: dt.datetime


def groups(batches: list[dict[str, Any]], most: int) -> list[Group]:
    """Return the micro-batches, by table and in order; consecutive ones are one group if there are more than `most`."""
    by_table = [list(found) for _, found in groupby(batches, key=lambda batch: (batch["table_name"], batch["load_id"]))]
    size = max(1, -(-len(batches) // max(1, most - len(by_table))))
    return [_group(found[start : start + size]) for found in by_table for start in range(0, len(found), size)]


def _group(batches: list[dict[str, Any]]) -> Group:
    outcomes: dict[str, int] = {}
    for batch in batches:
        for name, count in batch["outcomes"].items():
            outcomes[name] = outcomes.get(name, 0) + count
    seconds = [sum(batch["seconds"].values()) for batch in batches]
    return Group(
        table=batches[0]["table_name"],
        first=batches[0]["batch_id"],
        last=batches[-1]["batch_id"],
        count=len(batches),
        rows=sum(batch["rows_read"] for batch in batches),
        outcomes=outcomes,
        embedded=sum(batch["embedding"].get("texts_embedded", 0) for batch in batches),
        cache_hits=sum(batch["embedding"].get("cache_hits", 0) for batch in batches),
        seconds=sum(seconds),
        began=batches[0]["recorded_at"] - dt.timedelta(seconds=seconds[0]),
        ended=batches[-1]["recorded_at"],
    )


def curve(batches: list[dict[str, Any]]) -> Curve | None:
    """
    Return the rate from one record to the next, over time; None for fewer than two micro-batches.

    It has the time between micro-batches, too: what Spark plans and commits there.
    """
    if len(batches) < 2:  # noqa: PLR2004  # one point is no curve
        return None
    steps = groups(batches, MOST_POINTS)
    moments = [steps[0].began, *(step.ended for step in steps)]
    places = [max(0.0, (moment - moments[0]).total_seconds()) for moment in moments]
    rates = [step.rows / max(right - left, 0.001) for step, (left, right) in zip(steps, pairwise(places), strict=True)]
    top, width = nice(max(rates)), max(places[-1], 0.001)
    corners = [f"M0,{HEIGHT}"]
    for rate, (left, right) in zip(rates, pairwise(places), strict=True):
        height = HEIGHT * (1 - rate / top)
        corners += [f"L{WIDTH * left / width:.1f},{height:.1f}", f"L{WIDTH * right / width:.1f},{height:.1f}"]
    outline = " ".join(corners)
    return Curve(f"M{outline.split(' L', 1)[1]}", f"{outline} L{WIDTH},{HEIGHT} Z", top, moments[0], moments[-1])


def nice(value: float) -> float:
    """Return the next number above `value` that is 1, 2 or 5 times a power of ten, for the top of an axis."""
    step = 1.0
    while step * 10 < value:
        step *= 10
    while step > value > 0:
        step /= 10
    return next(step * factor for factor in (1, 2, 5, 10) if step * factor >= value)


def stages(summary: dict[str, Any], batches: Iterable[dict[str, Any]]) -> list[tuple[str, float, float]]:
    """Return (words, seconds, share of the run from 0 to 1) of each stage that took time."""
    whole = summary["seconds"]
    seconds = {name: whole.get(name, 0.0) for name in ("startup", "preflight")}
    for batch in batches:
        for name, value in batch["seconds"].items():
            seconds[name] = seconds.get(name, 0.0) + value
    seconds["other"] = max(0.0, whole["total"] - sum(seconds.values()))
    total = sum(seconds.values()) or 1.0
    order = [*STAGES, *(name for name in seconds if name not in STAGES)]
    return [
        (STAGES.get(name, name), seconds[name], seconds[name] / total)
        for name in order
        if seconds.get(name, 0) >= 0.05  # noqa: PLR2004  # what is shown as 0.0
    ]
