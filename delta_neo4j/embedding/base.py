"""
The protocol of all embedding strategies, and the checks of every vector.

A strategy gets a stream of distinct texts that the cache does not hold, and returns each text exactly once, with a
vector or with a fault. Dimension, finiteness and norm are checked here for every strategy.
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

Vector = npt.NDArray[np.float32]  # shape (dimension,), or (texts, dimension)
SAME_MODEL = 0.9999  # cosine; another CPU, batch size or runtime stays above it, another model far below
_ALIKE = 3  # vectors of another dimension in a row: then it is the model and not the text
PROBES = (
    "Oil leak detected during routine inspection",
    "Bearing wear exceeds tolerance limits",
    "The quick brown fox jumps over the lazy dog",
)


@dataclass(frozen=True)
class Embedded:
    """The answer for one text: exactly one of `vector` (float32, shape (dimension,)) and `fault` is not None."""

    text: str
    vector: Vector | None
    fault: str | None = None


@dataclass
class Calls:
    """Requests to the model: `calls` sent, `retries` of them repeated."""

    calls: int = 0
    retries: int = 0


class Embedder(Protocol):
    """A frozen, picklable strategy. Each `embed` opens the connections that it needs and closes them."""

    @property
    def strategy(self) -> str:
        """The strategy's name in settings and summaries."""

    @property
    def model_name(self) -> str:
        """The user's name of the model: an endpoint or a folder."""

    @property
    def max_tokens(self) -> int:
        """The model's limit in tokens: it cuts a longer text there."""

    @property
    def call_texts(self) -> int:
        """Texts per call of the model."""

    @property
    def flush_texts(self) -> int:
        """Texts per append to the cache: a killed run pays for at most so many twice."""

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Yield each text once, in any order, and count requests in `calls`."""

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Yield each text once, like `embed`, without Spark; raise `NotOfferedError` if the strategy needs Spark."""


def checked(answers: Iterable[Embedded], dimension: int) -> Iterator[Embedded]:
    """
    Yield the answers, with a fault in place of a vector that has NaN or infinity or is all zeros.

    A vector of another dimension is the fault of its text if other texts have the right one. Raises ModelIdentityError
    if the first `_ALIKE` vectors have another dimension, or all of fewer.
    """
    others: list[Embedded] = []
    is_right = False
    for answer in answers:
        if answer.vector is None:
            yield answer
        elif answer.vector.shape != (dimension,):
            others.append(answer)
            if not is_right and len(others) >= _ALIKE:
                break
        else:
            is_right = True
            yield _checked(answer, answer.vector)
    if others and not is_right:
        raise ModelIdentityError(
            f"the model answers with {others[0].vector.size} values, the vector index has {dimension}: "  # type: ignore[union-attr]
            "set the index dimension in the mapping to the model's, or name the right endpoint"
        )
    for answer in others:
        size = answer.vector.size  # type: ignore[union-attr]
        yield Embedded(answer.text, None, f"the model answered with {size} values, not {dimension}")


def _checked(answer: Embedded, vector: Vector) -> Embedded:
    if not np.isfinite(vector).all():
        return Embedded(answer.text, None, "the model answered with NaN or infinity")
    if not vector.any():
        return Embedded(answer.text, None, "the model answered with a vector of zeros")
    return answer


def probe(embedder: Embedder, spark: SparkSession, dimension: int) -> Vector:
    """
    Embed the probe texts as a load embeds its texts; return shape (probes, dimension), float32.

    Raises NotOfferedError if a probe text has no vector, and ModelIdentityError for another dimension.
    """
    answers = {a.text: a for a in checked(embedder.embed(spark, PROBES, Calls()), dimension)}
    faults = [a.fault for a in answers.values() if a.fault]
    if faults or len(answers) != len(PROBES):
        raise NotOfferedError(
            f"{embedder.model_name} does not embed a plain sentence by {embedder.strategy}: "
            f"{(faults or ['answers are missing'])[0]}"
        )
    return np.stack([answers[text].vector for text in PROBES])  # type: ignore[misc]


def lowest_cosine(one: Vector, other: Vector) -> float:
    """Return the lowest cosine of any pair of rows; both have shape (texts, dimension)."""
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(((one * other).sum(axis=1) / norms).min())


def requests_of(texts: Iterable[str], rows: int, size: int, weigh: Callable[[str], int] = len) -> Iterator[list[str]]:
    """
    Cut a stream of texts, in its order, into requests of at most `rows` texts and a sum of `weigh(text)` of `size`.

    A text heavier than `size` is a request of its own.
    """
    request: list[str] = []
    weight = 0
    for text in texts:
        own = weigh(text)
        if request and (len(request) >= rows or weight + own > size):
            yield request
            request, weight = [], 0
        request.append(text)
        weight += own
    if request:
        yield request
