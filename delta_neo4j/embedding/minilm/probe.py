"""Compares the vectors of a served model, over REST and by `ai_query`, with those of the logged model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from delta_neo4j.embedding.ai_query.embedder import AiQueryEmbedder
from delta_neo4j.embedding.base import SAME_MODEL
from delta_neo4j.embedding.minilm.weights import DIMENSION, ModelError
from delta_neo4j.embedding.minilm.workspace import BusyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.minilm.endpoint import Watch
    from delta_neo4j.embedding.minilm.workspace import Workspace

TEXTS: Final = ("ENGINE OIL LEAK", "Hydraulic pump leaking, replaced", "")
WAKE_SECONDS: Final = 600.0  # an endpoint scaled to zero starts within minutes
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


class NotAvailableError(ModelError):
    """This session cannot call `ai_query`; the endpoint may still work."""


def over_rest(workspace: Workspace, endpoint: str, texts: Sequence[str], watch: Watch) -> list[list[float]]:
    """Return the endpoint's vectors of the texts; wait while it starts. Raises ModelError for another answer."""
    body = {"dataframe_records": [{"text": text} for text in texts]}
    while True:
        try:
            answer = workspace.call("POST", f"/serving-endpoints/{endpoint}/invocations", body)
        except BusyError as busy:
            watch.pause(str(busy), busy.retry_after or 5.0)
            continue
        predictions = answer.get("predictions")
        if not isinstance(predictions, list):
            raise ModelError(f"the endpoint {endpoint} answers without predictions: it serves another kind of model")
        return predictions


def over_ai_query(spark: SparkSession, endpoint: str, text: str) -> list[float]:
    """
    Return the vector that SQL's `ai_query` answers with.

    Raises NotAvailableError if this session cannot call the function, ModelError if the call fails.
    """
    from pyspark.errors import PySparkException

    try:
        (row,) = spark.sql(ai_query_statement(endpoint, text)).collect()
    except PySparkException as fault:
        raise NotAvailableError(" ".join(str(fault).split())[:300]) from fault
    answer = row[0]
    if not hasattr(answer, "asDict"):
        return list(answer or [])
    # The names of the two fields differ between runtimes.
    fields = answer.asDict()
    vector = fields.get("result") or fields.get("response")
    reason = fields.get("errorMessage") or fields.get("errorStatus") or "no vector and no reason"
    if not vector:
        raise ModelError(f"ai_query on {endpoint} failed: {reason}")
    return list(vector)


def ai_query_statement(endpoint: str, text: str) -> str:
    """Return the SQL for one text's vector, with the expression of a load; raise ModelError for a wrong name."""
    if not _NAME.fullmatch(endpoint):
        raise ModelError(
            f"{endpoint!r} is not a name of an endpoint: use letters, digits, dashes and underscores, at most 63"
        )
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"SELECT {AiQueryEmbedder(endpoint, 'struct').expression} FROM (SELECT '{literal}' AS text)"


def active_session() -> SparkSession | None:
    """Return the Spark session of the notebook or job, None if there is none."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        return None
    return SparkSession.getActiveSession()


def require_same(answer: Any, expected: Any, where: str) -> float:
    """Return the lowest cosine between two sets of vectors; raise ModelError if they are not of the same model."""
    import numpy as np

    try:
        ours, theirs = np.asarray(expected, dtype=np.float64), np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{where} answers with other values than lists of numbers") from None
    if theirs.shape != ours.shape:
        raise ModelError(f"{where} answers in the shape {theirs.shape}, wanted {len(ours)} vectors of {DIMENSION}")
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    worst = float(((ours * theirs).sum(axis=1) / np.maximum(norms, 1e-30)).min())
    # `not >=` and not `<`: NaN must fail too.
    if not worst >= SAME_MODEL:
        raise ModelError(f"{where} serves another model: worst cosine {worst:.6f}, wanted ≥ {SAME_MODEL}")
    return worst
