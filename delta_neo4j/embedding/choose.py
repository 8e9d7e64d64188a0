"""Chooses the strategy: the one in the settings, or the first that works in this environment, with the reason."""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, TypeVar

from delta_neo4j.embedding.rest.address import is_named, rest_embedder
from delta_neo4j.errors import NotOfferedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.ai_query.embedder import AiQueryEmbedder
    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.embedding.in_process import InProcessEmbedder
    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.settings.values import EmbeddingSettings

    Offer = tuple[Embedder, str]  # an embedder and the reason why it was chosen

Answer = TypeVar("Answer")
_AI_QUERY_SINCE = (15, 4)  # of Databricks Runtime: earlier ones have no failOnError


def has_text(mapping: Mapping, settings: EmbeddingSettings) -> bool:
    """Return whether the mapping embeds a text; raise SettingsError if EMBEDDER is precomputed then."""
    with_text = any(table.has_text for table in mapping.tables)
    if with_text and settings.embedder == "precomputed":
        raise SettingsError(
            "EMBEDDER is precomputed, but the mapping embeds a text: set EMBEDDER=auto, or give `vector` (a column) "
            "instead of `text`"
        )
    return with_text


def first_usable(
    settings: EmbeddingSettings, workers: int, spark: SparkSession | None, usable: Callable[[Embedder], object]
) -> Offer:
    """Return the embedder and the reason of `first_answering`, which calls `usable`; raise as it does."""
    embedder, reason, _ = first_answering(settings, workers, spark, usable)
    return embedder, reason


def first_answering(
    settings: EmbeddingSettings, workers: int, spark: SparkSession | None, ask: Callable[[Embedder], Answer]
) -> tuple[Embedder, str, Answer]:
    """
    Return the first embedder for which `ask` raises no `NotOfferedError`, the reason, and what `ask` returned.

    `auto` tries `ai_query` (if there is a session and no address was set), then REST, then in process; a named strategy
    is the only one. Raises `SettingsError` if no embedder is left.
    """
    passed_over: dict[str, None] = {}
    for make in _makers(settings, workers, spark):
        try:
            embedder, reason = make()
            answer = ask(embedder)
        except NotOfferedError as error:
            passed_over[str(error)] = None  # the request forms of ai_query raise the same text: named once
        else:
            return embedder, "; ".join([*passed_over, reason]), answer
    raise SettingsError(f"no way to embed: {'; '.join(passed_over)}")


def _makers(settings: EmbeddingSettings, workers: int, spark: SparkSession | None) -> Iterator[Callable[[], Offer]]:
    setting = settings.embedder
    if spark is not None and setting in {"auto", "ai_query"}:
        yield from (lambda form=form: _ai_query(settings, form) for form in _forms(settings.endpoint))
    # A search has no Spark session: REST calls the same endpoint.
    if setting in {"auto", "rest"} or (setting == "ai_query" and spark is None):
        yield lambda: _rest(settings)
    if setting in {"auto", "in_process"}:
        yield lambda: _in_process(workers)


def _forms(endpoint: str) -> tuple[str, str]:
    # Databricks' own models take the plain text, a custom one the column of its signature: the likelier form first.
    own = endpoint.startswith(("databricks-", "system.ai."))
    return ("string", "struct") if own else ("struct", "string")


def _ai_query(settings: EmbeddingSettings, form: str) -> Offer:
    from delta_neo4j.embedding.ai_query.embedder import AiQueryEmbedder

    version = re.match(r"(\d+)\.(\d+)", settings.runtime or "")
    if version and (int(version[1]), int(version[2])) < _AI_QUERY_SINCE:
        raise NotOfferedError(f"no ai_query: this is Databricks Runtime {settings.runtime}, ai_query needs 15.4")
    if settings.embedder == "auto" and settings.url:
        raise NotOfferedError("no ai_query: EMBEDDING_URL names an endpoint by its address")
    embedder: AiQueryEmbedder = AiQueryEmbedder(settings.endpoint, form, settings.wait_seconds)  # type: ignore[arg-type]
    return embedder, f"ai_query on endpoint {settings.endpoint}"


def _rest(settings: EmbeddingSettings) -> Offer:
    if not is_named(settings):
        raise NotOfferedError(
            "no REST: EMBEDDING_URL is not set; give the endpoint's whole /invocations address, "
            "or DATABRICKS_HOST and --endpoint"
        )
    return rest_embedder(settings)


def _in_process(workers: int) -> tuple[InProcessEmbedder, str]:
    if not importlib.util.find_spec("sentence_transformers"):
        raise NotOfferedError("not in process: sentence-transformers is missing (pip install 'delta-neo4j[model]')")
    from delta_neo4j.embedding.in_process import InProcessEmbedder
    from delta_neo4j.embedding.minilm.weights import minilm_folder

    return InProcessEmbedder(str(minilm_folder()), workers), "in process, by sentence-transformers"
