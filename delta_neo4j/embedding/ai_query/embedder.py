"""
Embedding by Databricks' `ai_query`: the platform's batch inference, one SQL expression over many texts.

The platform parallelises, retries and scales, so each query has many texts. Its result is collected at once: each
further Spark action on it would call, and bill, the endpoint again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import tenacity

from delta_neo4j.embedding.ai_query.errors import Nature, nature, raised
from delta_neo4j.embedding.base import PROBES, Calls, Embedded, requests_of
from delta_neo4j.embedding.minilm.weights import MAX_TOKENS
from delta_neo4j.errors import EndpointUnavailableError, NotOfferedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)
_PACKED = "text STRING, vector BINARY, fault STRING"


@dataclass(frozen=True)
class QueryLimits:
    """Size of a query and the pauses (seconds) before it is repeated; tests pass another value."""

    texts: int = 50_000  # 77 MB of vectors pass through the driver; a killed run pays for at most so many texts twice
    characters: int = 50_000_000
    first_pause: float = 1.0  # doubles with each attempt
    longest_pause: float = 30.0


@dataclass(frozen=True)
class AiQueryEmbedder:
    """
    A serving endpoint by its name, called in SQL.

    `request` is the form that the endpoint takes: a `struct` with the field `text` (a custom model), or the plain
    `string` (a foundation model). `wait_seconds` is the longest wait for a busy endpoint, counted from its last answer.
    """

    endpoint: str  # letters, digits, `_`, `-`, `.`: validated by the settings, because it stands in SQL
    request: Literal["struct", "string"]
    wait_seconds: float = 600.0
    limits: QueryLimits = field(default_factory=QueryLimits, repr=False)
    strategy = "ai_query"
    max_tokens = MAX_TOKENS

    @property
    def model_name(self) -> str:
        """The endpoint's name."""
        return self.endpoint

    @property
    def call_texts(self) -> int:
        """Texts per query."""
        return self.limits.texts

    @property
    def flush_texts(self) -> int:
        """Texts per append to the cache: those of a query."""
        return self.limits.texts

    @property
    def expression(self) -> str:
        """The SQL over a column `text`, the same in the probe and in a load."""
        argument = "named_struct('text', text)" if self.request == "struct" else "text"
        return f"ai_query('{self.endpoint}', {argument}, returnType => 'ARRAY<DOUBLE>', failOnError => false)"

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """
        Yield each text once; a call is a query.

        Raises NotOfferedError if this Spark has no `ai_query`, SettingsError if the endpoint is missing or refuses
        the user, and EndpointUnavailableError if it stays busy.
        """
        for number, query in enumerate(requests_of(texts, self.limits.texts, self.limits.characters)):
            yield from self._answers(spark, query, calls, worked=number > 0)

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:  # noqa: ARG002
        """Raise NotOfferedError: `ai_query` is a function of Spark SQL."""
        raise NotOfferedError("ai_query needs a Spark session; set EMBEDDER=rest to embed without one")

    def _answers(self, spark: SparkSession, texts: list[str], calls: Calls, *, worked: bool) -> Iterator[Embedded]:
        """
        Query the texts, then again those whose fault may pass, until each has its answer.

        A few texts that fail during the whole wait, while a probe text is answered, are at fault themselves.
        """
        deadline, few = time.monotonic() + self.wait_seconds, max(1, len(texts) // 10)
        attempt = 0
        while texts:
            calls.calls += 1
            answers, reason = self._query(spark, texts, worked=worked)
            worked = worked or bool(answers)
            again, is_open = [], any(answer.vector is not None for answer in answers)
            for answer in answers:
                if answer.fault is not None and self._may_pass(answer.fault, is_open=is_open):
                    again.append(answer.text)
                    reason = answer.fault
                else:
                    yield answer
            if len(again) < len(answers):
                deadline = time.monotonic() + self.wait_seconds  # each answer starts the wait again
            texts = again if answers else texts
            if texts:
                attempt += 1
                calls.retries += 1
                try:
                    self._wait(attempt, deadline, reason)
                except EndpointUnavailableError:
                    if len(texts) > few or not self._answers_a_probe(spark, calls):
                        raise
                    yield from (Embedded(t, None, f"the endpoint fails at this text alone: {reason}") for t in texts)
                    return

    def _may_pass(self, fault: str, *, is_open: bool) -> bool:
        """Return whether a row's fault may pass; raise `SettingsError` if every row would have it."""
        try:
            return nature(fault, self.endpoint) is Nature.MAY_PASS
        except SettingsError:
            if not is_open:
                raise
            return False  # rows beside it are answered: a filter refuses this text, or the fault quotes the text

    def _answers_a_probe(self, spark: SparkSession, calls: Calls) -> bool:
        calls.calls += 1
        answers, _ = self._query(spark, [PROBES[0]], worked=True)
        return any(answer.vector is not None for answer in answers)

    def _query(self, spark: SparkSession, texts: list[str], *, worked: bool) -> tuple[list[Embedded], str]:
        """Return the answers of one query, or none and the reason if the whole query failed and may be repeated."""
        from delta_neo4j.errors import spark_errors

        try:
            frame = spark.createDataFrame([(text,) for text in texts], "text STRING")
            rows = self._packed(frame).collect()
        except spark_errors() as error:
            return [], raised(error, self.endpoint, worked=worked)
        return [_embedded(row) for row in rows], ""

    def _packed(self, texts: DataFrame) -> DataFrame:
        from pyspark.sql import functions as F  # noqa: N812
        from pyspark.sql.types import StructType

        answers = texts.select("text", F.expr(self.expression).alias("answer"))
        kind = answers.schema["answer"].dataType
        if not isinstance(kind, StructType):
            raise NotOfferedError("ai_query has no failOnError here (it needs Databricks Runtime 15.4 or newer)")
        # The names of the fields differ between editions of the platform.
        names = kind.fieldNames()
        value = next((i for i, name in enumerate(names) if name in {"result", "response"}), None)
        fault = next((i for i, name in enumerate(names) if name in {"errorMessage", "errorStatus"}), None)
        if value is None or fault is None:
            raise NotOfferedError(f"ai_query answers here with {', '.join(names)}, which this version cannot read")
        # The whole struct is passed on: an optimiser may make two calls of two columns selected from it.
        return answers.mapInArrow(_Pack(value, fault), _PACKED)

    def _wait(self, attempt: int, deadline: float, reason: str) -> None:
        state = tenacity.RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = attempt
        pause = tenacity.wait_exponential_jitter(initial=self.limits.first_pause, max=self.limits.longest_pause)
        seconds = pause(state)
        left = deadline - time.monotonic()
        if left < seconds:
            raise EndpointUnavailableError(
                f"embedding endpoint {self.endpoint} did not answer: {reason[:300]}; check that it is running, "
                "then run again: all vectors so far are kept"
            )
        log.info("endpoint.waiting", extra={"reason": reason[:200], "seconds_left": int(left)})
        time.sleep(seconds)


def _embedded(row: tuple[str, bytes | None, str | None]) -> Embedded:
    text, vector, fault = row
    if vector is None:
        # Some editions write an empty error for success, others null: a row without a vector is no success.
        return Embedded(text, None, " ".join((fault or "").split()) or "ai_query returned no vector")
    return Embedded(text, np.frombuffer(vector, dtype="<f4"))


@dataclass(frozen=True)
class _Pack:
    """Pack each vector into float32 bytes on the workers: a fifth of the doubles that the driver would collect."""

    value: int
    fault: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            fields = batch.column("answer").flatten()  # the fields of a null struct are null
            packed = pa.array(_float32(fields[self.value]), pa.binary())
            arrays = [batch.column("text"), packed, fields[self.fault].cast(pa.string())]
            yield pa.RecordBatch.from_arrays(arrays, names=["text", "vector", "fault"])


def _float32(vectors: pa.ListArray) -> list[bytes | None]:
    offsets, values = vectors.offsets.to_numpy(), vectors.values.to_numpy(zero_copy_only=False).astype("<f4")
    spans = zip(offsets, offsets[1:], vectors.is_valid().to_pylist(), strict=False)
    return [values[start:end].tobytes() if valid else None for start, end, valid in spans]
