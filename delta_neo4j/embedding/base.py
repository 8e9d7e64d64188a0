"""
The seam between texts and whatever embeds them.

A strategy sees only distinct texts that the cache does not hold, streams them, and gives each back exactly once
with either a vector or a fault. Dimension, finiteness and norm are checked here, for every strategy alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from delta_neo4j.errors import ModelIdentityError, NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import SparkSession

Vector = npt.NDArray[np.float32]  # one vector, or one a row

FLUSH_TEXTS = 2_048  # where answers come a request at a time
SAME_MODEL = 0.9999  # cosine; another CPU, batch size or runtime stays above, another model far below
PROBES = (
    "Oil leak detected during routine inspection",
    "Bearing wear exceeds tolerance limits",
    "The quick brown fox jumps over the lazy dog",
)


@dataclass(frozen=True)
class Embedded:
    """One text's answer: exactly one of `vector` (float32, 1-d) and `fault` is not None."""

    text: str
    vector: Vector | None
    fault: str | None = None


@dataclass
class Calls:
    """What was asked of the model: requests sent, and how many of them again."""

    calls: int = 0
    retries: int = 0


class Embedder(Protocol):
    """A frozen value that travels with the step; `embed` opens what it needs and closes it."""

    @property
    def strategy(self) -> str:
        """Its name in settings and summaries."""

    @property
    def model_name(self) -> str:
        """What the user calls the model: an endpoint, a folder."""

    @property
    def call_texts(self) -> int:
        """How many texts go into one call."""

    @property
    def flush_texts(self) -> int:
        """How many answers make one append to the cache: what a killed run pays for twice, at most."""

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Give each text back once, in any order, counting requests into `calls`."""


def checked(answers: Iterable[Embedded], dimension: int) -> Iterator[Embedded]:
    """Turn an unusable vector into a fault; another dimension is another model and stops the run."""
    for answer in answers:
        yield answer if answer.vector is None else _checked(answer, answer.vector, dimension)


def _checked(answer: Embedded, vector: Vector, dimension: int) -> Embedded:
    if vector.shape != (dimension,):
        raise ModelIdentityError(
            f"the model answers with {vector.size} values, the vector index wants {dimension}: "
            "set the index dimension in the mapping to the model's, or name the right endpoint"
        )
    if not np.isfinite(vector).all():
        return Embedded(answer.text, None, "the model answered with NaN or infinity")
    if not vector.any():
        return Embedded(answer.text, None, "the model answered with a vector of zeros")
    return answer


def probe(embedder: Embedder, spark: SparkSession, dimension: int) -> Vector:
    """Embed the probe texts by the production path; shape (probes, dimension), float32."""
    answers = {a.text: a for a in checked(embedder.embed(spark, PROBES, Calls()), dimension)}
    faults = [a.fault for a in answers.values() if a.fault]
    if faults or len(answers) != len(PROBES):
        raise NotOfferedError(
            f"{embedder.model_name} does not embed a plain sentence by {embedder.strategy}: "
            f"{(faults or ['answers are missing'])[0]}"
        )
    return np.stack([answers[text].vector for text in PROBES])  # type: ignore[misc]


def lowest_cosine(one: Vector, other: Vector) -> float:
    """Compare two sets of vectors row by row; the worst pair decides."""
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / norms).min())


def requests_of(texts: Iterable[str], rows: int, size: int, weigh: Callable[[str], int] = len) -> Iterator[list[str]]:
    """
    Cut a stream of texts, in their order, into requests of at most `rows` texts and `size` of what `weigh` gives.

    One heavy text may exceed `size`.
    """
    held: list[str] = []
    weight = 0
    for text in texts:
        own = weigh(text)
        if held and (len(held) >= rows or weight + own > size):
            yield held
            held, weight = [], 0
        held.append(text)
        weight += own
    if held:
        yield held
