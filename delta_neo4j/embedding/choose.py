"""Which strategy embeds: as told, or the first that this environment offers, with the reason."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from delta_neo4j.embedding.address import is_named, rest_embedder
from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.embedding.in_process import InProcessEmbedder
    from delta_neo4j.plan import Graph
    from delta_neo4j.settings import EmbeddingSettings


def choose(graph: Graph, settings: EmbeddingSettings, workers: int) -> tuple[Embedder | None, str]:
    """Give the embedder (None where no table has text) and, in words, why this one."""
    origins = [table.embedding for table in graph.tables if table.embedding]
    with_text = [origin for origin in origins if origin.text_column]
    if not with_text:
        return None, "the mapping has ready vectors" if origins else "the mapping has no text"
    if settings.embedder == "precomputed":
        raise SettingsError(
            "EMBEDDER is precomputed, but the mapping embeds a text: give `vector` (a column) instead of `text`"
        )
    if settings.embedder == "rest" or (settings.embedder == "auto" and is_named(settings)):
        return rest_embedder(settings)
    if settings.embedder == "in_process" or importlib.util.find_spec("sentence_transformers"):
        return _in_process(workers), "in process: sentence-transformers is installed and no endpoint is named"
    raise SettingsError(
        "no way to embed: set EMBEDDING_URL to an endpoint's /invocations address, name one of your workspace with "
        "--endpoint, or install sentence-transformers (pip install 'delta-neo4j[model]')"
    )


def _in_process(workers: int) -> InProcessEmbedder:
    from delta_neo4j.embedding.in_process import InProcessEmbedder
    from delta_neo4j.model.weights import minilm_folder

    return InProcessEmbedder(str(minilm_folder()), workers)
