"""
Embedding inside Spark workers: an iterator pandas UDF that loads the model once per task.

A search embeds its text in its own process: Spark is imported only where a job is started.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from delta_neo4j.embedding.base import Calls, Embedded, requests_of
from delta_neo4j.embedding.minilm.weights import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspark.sql import Column, SparkSession


@dataclass(frozen=True)
class InProcessEmbedder:
    """MiniLM from `folder` (a sentence-transformers folder that every worker can read), in `workers` tasks per job."""

    folder: str
    workers: int
    texts_per_job: int = 4_096  # loading the model takes 0.4 s per task, as long as 200 texts
    characters_per_job: int = 8_000_000
    strategy = "in_process"
    max_tokens = MAX_TOKENS

    @property
    def model_name(self) -> str:
        """The model's name, the same on every machine."""
        return "all-MiniLM-L6-v2"

    @property
    def call_texts(self) -> int:
        """Texts per Spark job."""
        return self.texts_per_job

    @property
    def flush_texts(self) -> int:
        """Texts per append to the cache: those of a job."""
        return self.texts_per_job

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Yield each text once; a call is a Spark job."""
        from pyspark.sql import functions as F  # noqa: N812

        encode = _encoder(self.folder)
        for job in requests_of(texts, self.texts_per_job, self.characters_per_job):
            calls.calls += 1
            frame = spark.createDataFrame([(text,) for text in job], "text STRING").repartition(self.workers)
            for row in frame.select("text", encode(F.col("text")).alias("vector")).collect():
                yield Embedded(row["text"], np.frombuffer(row["vector"], dtype="<f4"))

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Yield each text once, embedded in this process without Spark."""
        calls.calls += 1
        model = _model(self.folder)
        for text in texts:
            yield Embedded(text, model.encode(text))


def _encoder(folder: str) -> Callable[..., Column]:
    import pandas as pd
    from pyspark.sql.pandas.functions import pandas_udf

    def encode(batches: Iterator[Any]) -> Iterator[Any]:
        import pandas  # noqa: ICN001

        model = _model(folder)
        for batch in batches:
            matrix = model.encode(batch.tolist(), show_progress_bar=False).astype("<f4")
            yield pandas.Series([vector.tobytes() for vector in matrix])

    # pandas_udf reads the kind of the function from its annotations.
    encode.__annotations__ = {"batches": Iterator[pd.Series], "return": Iterator[pd.Series]}
    return pandas_udf(encode, "binary")  # type: ignore[call-overload,no-any-return]


def _model(folder: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  # torch's types are not ours to load
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder)
