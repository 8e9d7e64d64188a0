"""Embedding inside Spark workers: an iterator pandas UDF that loads the model once a task."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003  # pandas_udf reads the annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd  # noqa: TC002
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.functions import pandas_udf

from delta_neo4j.embedding.base import Calls, Embedded, requests_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspark.sql import Column, SparkSession

TEXTS_PER_JOB = 4_096  # loading the model costs 0.4 s a task, as much as 200 texts
CHARACTERS_PER_JOB = 8_000_000


@dataclass(frozen=True)
class InProcessEmbedder:
    """The MiniLM of `folder` (a sentence-transformers folder every worker can read), on `workers` tasks."""

    folder: str
    workers: int
    strategy = "in_process"
    flush_texts = TEXTS_PER_JOB

    @property
    def model_name(self) -> str:
        """The same model wherever it runs, so the same name."""
        return "all-MiniLM-L6-v2"

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Give each text back once, a job for every few thousand."""
        encode = _encoder(self.folder)
        for job in requests_of(texts, TEXTS_PER_JOB, CHARACTERS_PER_JOB):
            calls.calls += 1
            frame = spark.createDataFrame([(text,) for text in job], "text STRING").repartition(self.workers)
            for row in frame.select("text", encode(F.col("text")).alias("vector")).collect():
                yield Embedded(row["text"], np.frombuffer(row["vector"], dtype="<f4"))

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """Embed here, without Spark."""
        calls.calls += 1
        model = _model(self.folder)
        for text in texts:
            yield Embedded(text, model.encode(text))


def _encoder(folder: str) -> Callable[..., Column]:
    def encode(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        import pandas  # noqa: ICN001

        model = _model(folder)
        for batch in batches:
            matrix = model.encode(batch.tolist(), show_progress_bar=False).astype("<f4")
            yield pandas.Series([vector.tobytes() for vector in matrix])

    return pandas_udf(encode, "binary")  # type: ignore[call-overload,no-any-return]


def _model(folder: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  # torch's types are not ours to load
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder)
