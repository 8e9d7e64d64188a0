"""
Embedding by Databricks' `ai_query`: the platform's own batch inference, one SQL expression over many texts.

Parallelism, retries and scaling are the platform's, so texts go in large queries, never a few at a time. Each
query is frozen the moment it is collected: every further Spark action would call, and bill, the endpoint again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import tenacity

from delta_neo4j.embedding.ai_query_errors import Nature, nature, raised
from delta_neo4j.embedding.base import Calls, Embedded, requests_of
from delta_neo4j.errors import EndpointUnavailableError, NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)

# A query's vectors pass through the driver, 77 MB of them; it is also what a killed run pays for twice, at most.
TEXTS_PER_QUERY, CHARACTERS_PER_QUERY = 50_000, 50_000_000
PACKED = "text STRING, vector BINARY, fault STRING"


@dataclass(frozen=True)
class AiQueryEmbedder:
    """
    A serving endpoint by its name, asked in SQL.

    `request` is what the endpoint takes: a `struct` with the field `text` (a custom model), or the plain `string`
    (a foundation model).
    """

    endpoint: str  # letters, digits, `_`, `-`, `.`: validated by the settings, because it stands in SQL
    request: Literal["struct", "string"]
    wait_seconds: float = 600.0
    strategy = "ai_query"
    call_texts = flush_texts = TEXTS_PER_QUERY

    @property
    def model_name(self) -> str:
        """The endpoint's name."""
        return self.endpoint

    @property
    def expression(self) -> str:
        """The SQL over a column `text`: in the probe as in production."""
        asked = "named_struct('text', text)" if self.request == "struct" else "text"
        return f"ai_query('{self.endpoint}', {asked}, returnType => 'ARRAY<DOUBLE>', failOnError => false)"

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Give each text back once; a `call` is a query."""
        for number, query in enumerate(requests_of(texts, TEXTS_PER_QUERY, CHARACTERS_PER_QUERY)):
            yield from self._settle(spark, query, calls, worked=number > 0)

    def _settle(self, spark: SparkSession, texts: list[str], calls: Calls, *, worked: bool) -> Iterator[Embedded]:
        """Ask for the texts, and again for those whose fault may pass, until each has its answer."""
        patience = time.monotonic() + self.wait_seconds
        pause = tenacity.wait_exponential_jitter(initial=1, max=30)
        attempt = 0
        while texts:
            calls.calls += 1
            answers, reason = self._ask(spark, texts, worked=worked)
            worked = worked or bool(answers)
            again = []
            for answer in answers:
                if answer.fault is not None and nature(answer.fault, self.endpoint) is Nature.MAY_PASS:
                    again.append(answer.text)
                    reason = answer.fault
                else:
                    yield answer
            if len(again) < len(answers):
                patience = time.monotonic() + self.wait_seconds  # it lives: a later pause starts anew
            texts = again if answers else texts
            if texts:
                attempt += 1
                calls.retries += 1
                self._wait(pause, attempt, patience, reason)

    def _ask(self, spark: SparkSession, texts: list[str], *, worked: bool) -> tuple[list[Embedded], str]:
        """Give the answers of one query, or none and the reason when the whole query failed in a way that may pass."""
        from delta_neo4j.spark_errors import SPARK_ERRORS

        try:
            frame = spark.createDataFrame([(text,) for text in texts], "text STRING")
            rows = self._packed(frame).collect()
        except SPARK_ERRORS as error:
            return [], raised(error, self.endpoint, worked=worked)
        return [_embedded(row) for row in rows], ""

    def _packed(self, texts: DataFrame) -> DataFrame:
        from pyspark.sql import functions as F  # noqa: N812
        from pyspark.sql.types import StructType

        asked = texts.select("text", F.expr(self.expression).alias("answer"))
        kind = asked.schema["answer"].dataType
        if not isinstance(kind, StructType):
            raise NotOfferedError("ai_query takes no failOnError here (it needs Databricks Runtime 15.4 or newer)")
        # Editions of the platform name the fields differently; the schema tells which one this is.
        names = kind.fieldNames()
        value = next((i for i, name in enumerate(names) if name in {"result", "response"}), None)
        fault = next((i for i, name in enumerate(names) if name in {"errorMessage", "errorStatus"}), None)
        if value is None or fault is None:
            raise NotOfferedError(f"ai_query answers here with {', '.join(names)}, which this version cannot read")
        # The struct goes on whole: two columns taken of it may, to an optimiser, be two calls.
        return asked.mapInArrow(_Pack(value, fault), PACKED)

    def _wait(self, pause: tenacity.wait_exponential_jitter, attempt: int, patience: float, reason: str) -> None:
        state = tenacity.RetryCallState(None, None, (), {})  # type: ignore[arg-type]
        state.attempt_number = attempt
        seconds = pause(state)
        left = patience - time.monotonic()
        if left < seconds:
            raise EndpointUnavailableError(
                f"embedding endpoint {self.endpoint} did not answer: {reason[:300]}; see that it is running and run "
                "again, nothing embedded so far is lost"
            )
        log.info("endpoint.waiting", extra={"reason": reason[:200], "seconds_left": int(left)})
        time.sleep(seconds)


def _embedded(row: tuple[str, bytes | None, str | None]) -> Embedded:
    text, vector, fault = row
    if vector is None:
        # An empty error means success on some editions, null on others: without a vector it is neither.
        return Embedded(text, None, " ".join((fault or "").split()) or "ai_query returned no vector")
    return Embedded(text, np.frombuffer(vector, dtype="<f4"))


@dataclass(frozen=True)
class _Pack:
    """Makes float32 bytes of each vector on the workers: a fifth of what the driver would otherwise collect."""

    value: int
    fault: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            fields = batch.column("answer").flatten()  # a null struct makes its fields null
            packed = pa.array(_float32(fields[self.value]), pa.binary())
            arrays = [batch.column("text"), packed, fields[self.fault].cast(pa.string())]
            yield pa.RecordBatch.from_arrays(arrays, names=["text", "vector", "fault"])


def _float32(vectors: pa.ListArray) -> list[bytes | None]:
    offsets, values = vectors.offsets.to_numpy(), vectors.values.to_numpy(zero_copy_only=False).astype("<f4")
    spans = zip(offsets, offsets[1:], vectors.is_valid().to_pylist(), strict=False)
    return [values[start:end].tobytes() if valid else None for start, end, valid in spans]
