"""Does a served model answer with the vectors of the logged one? Asked over REST, and by `ai_query` in SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from delta_neo4j.embedding.ai_query import AiQueryEmbedder
from delta_neo4j.embedding.base import SAME_MODEL
from delta_neo4j.model.weights import DIMENSION, ModelError
from delta_neo4j.model.workspace import BusyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

    from delta_neo4j.model.endpoint import Watch
    from delta_neo4j.model.workspace import Workspace

TEXTS: Final = ("ENGINE OIL LEAK", "Hydraulic pump leaking, replaced", "")
WAKE_SECONDS: Final = 600.0  # an endpoint scaled to zero comes back within minutes

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


class NotAvailableError(ModelError):
    """This session cannot ask by `ai_query`; whether the endpoint works, nobody knows."""


def over_rest(workspace: Workspace, endpoint: str, texts: Sequence[str], watch: Watch) -> list[list[float]]:
    """Return what the endpoint answers to texts; waits while it wakes up."""
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
    """Return what SQL's `ai_query` answers to a text; NotAvailableError where there is no such function."""
    from pyspark.errors import PySparkException

    try:
        (row,) = spark.sql(ai_query_statement(endpoint, text)).collect()
    except PySparkException as fault:
        raise NotAvailableError(" ".join(str(fault).split())[:300]) from fault
    answer = row[0]
    if not hasattr(answer, "asDict"):
        return list(answer or [])
    # Runtimes differ in the names of the two fields.
    fields = answer.asDict()
    vector = fields.get("result") or fields.get("response")
    reason = fields.get("errorMessage") or fields.get("errorStatus") or "no vector and no reason"
    if not vector:
        raise ModelError(f"ai_query on {endpoint} failed: {reason}")
    return list(vector)


def ai_query_statement(endpoint: str, text: str) -> str:
    """Return the SQL that asks for one text's vector by the expression that a load uses."""
    if not _NAME.fullmatch(endpoint):
        raise ModelError(f"{endpoint!r} is no endpoint's name: letters, digits, dashes and underscores, at most 63")
    literal = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"SELECT {AiQueryEmbedder(endpoint, 'struct').expression} FROM (SELECT '{literal}' AS text)"


def active_session() -> SparkSession | None:
    """Return the notebook's or job's Spark session, if there is one."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        return None
    return SparkSession.getActiveSession()


def require_same(found: Any, expected: Any, where: str) -> float:
    """Return the worst cosine between two sets of vectors; ModelError when they are not of the same model."""
    import numpy as np

    try:
        ours, theirs = np.asarray(expected, dtype=np.float64), np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{where} answers with something else than lists of numbers") from None
    if theirs.shape != ours.shape:
        raise ModelError(f"{where} answers in the shape {theirs.shape}, wanted {len(ours)} vectors of {DIMENSION}")
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    worst = float(((ours * theirs).sum(axis=1) / np.maximum(norms, 1e-30)).min())
    # Not `worst < …`: NaN must fail too.
    if not worst >= SAME_MODEL:
        raise ModelError(f"{where} serves another model: worst cosine {worst:.6f}, wanted ≥ {SAME_MODEL}")
    return worst
