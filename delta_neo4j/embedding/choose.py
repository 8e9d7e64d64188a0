"""Which strategy embeds: as told, or the first that this environment offers, with the reason."""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING

from delta_neo4j.embedding.address import is_named, rest_embedder
from delta_neo4j.errors import NotOfferedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.ai_query import AiQueryEmbedder
    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.embedding.in_process import InProcessEmbedder
    from delta_neo4j.plan import Graph
    from delta_neo4j.settings import EmbeddingSettings

    Offer = tuple[Embedder, str]  # an embedder and, in words, why this one

_AI_QUERY_SINCE = (15, 4)  # of Databricks Runtime: earlier ones have no failOnError


def has_text(graph: Graph, settings: EmbeddingSettings) -> bool:
    """Tell whether anything must be embedded; raise where the settings say that nothing may be."""
    with_text = any(table.has_text for table in graph.tables)
    if with_text and settings.embedder == "precomputed":
        raise SettingsError(
            "EMBEDDER is precomputed, but the mapping embeds a text: give `vector` (a column) instead of `text`"
        )
    return with_text


def first_usable(
    settings: EmbeddingSettings, workers: int, spark: SparkSession | None, usable: Callable[[Embedder], object]
) -> Offer:
    """
    Give the first strategy that `usable` takes without `NotOfferedError`, and why it is that one.

    `auto` asks `ai_query` (where there is a session and no address was given), then REST, then in process; a named
    strategy is the only one.
    """
    passed_over: dict[str, None] = {}
    for make in _makers(settings, workers, spark):
        try:
            embedder, reason = make()
            usable(embedder)
        except NotOfferedError as error:
            passed_over[str(error)] = None  # once, however many forms were tried
        else:
            return embedder, "; ".join([*passed_over, reason])
    raise SettingsError(f"no way to embed: {'; '.join(passed_over)}")


def _makers(settings: EmbeddingSettings, workers: int, spark: SparkSession | None) -> Iterator[Callable[[], Offer]]:
    told = settings.embedder
    if spark is not None and told in {"auto", "ai_query"}:
        yield from (lambda form=form: _ai_query(settings, form) for form in _forms(settings.endpoint))
    # One text of a search needs no query: REST asks the same endpoint.
    if told in {"auto", "rest"} or (told == "ai_query" and spark is None):
        yield lambda: _rest(settings)
    if told in {"auto", "in_process"}:
        yield lambda: _in_process(workers)


def _forms(endpoint: str) -> tuple[str, str]:
    # Databricks' own models take the plain text, a custom one the column of its signature; the probe decides.
    own = endpoint.startswith(("databricks-", "system.ai."))
    return ("string", "struct") if own else ("struct", "string")


def _ai_query(settings: EmbeddingSettings, form: str) -> Offer:
    from delta_neo4j.embedding.ai_query import AiQueryEmbedder

    version = re.match(r"(\d+)\.(\d+)", settings.runtime or "")
    if version and (int(version[1]), int(version[2])) < _AI_QUERY_SINCE:
        raise NotOfferedError(f"no ai_query: this is Databricks Runtime {settings.runtime}, it needs 15.4")
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
    from delta_neo4j.model.weights import minilm_folder

    return InProcessEmbedder(str(minilm_folder()), workers), "in process, by sentence-transformers"
