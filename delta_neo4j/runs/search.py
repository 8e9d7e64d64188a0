"""`search`: answer questions from the graph, without Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.embedding import choose
from delta_neo4j.embedding.base import Calls, checked
from delta_neo4j.errors import SettingsError
from delta_neo4j.graph import vector_model_check
from delta_neo4j.graph.search import expand, filters, hybrid, text, vector
from delta_neo4j.graph.search.opened import OpenedGraph, opened
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.runs.bookmarks import after_loads
from delta_neo4j.settings import build
from delta_neo4j.settings.names import DEFAULTS
from delta_neo4j.state.reader import FolderReader

if TYPE_CHECKING:
    from delta_neo4j.embedding.base import Vector
    from delta_neo4j.graph.search.hits import Hit
    from delta_neo4j.graph.search.question import Question
    from delta_neo4j.mapping.plan import Mapping, Table
    from delta_neo4j.settings.names import Origins
    from delta_neo4j.settings.values import EmbeddingSettings, Neo4jSettings

FUSED_DEPTH = 5  # times the rows that are wanted, in each of the lists that are fused
MOST_FUSED = 1_000  # rows of each list of a hybrid search, unless more hits are wanted


@dataclass(frozen=True)
class SearchSettings:
    """
    The settings that `search` needs: the mapping (a file, or a shipped name), the graph, the model.

    `state`: the state location, whose ledger has the bookmarks of the loads; if it is a folder of this machine and
    `deltalake` is installed, the answers come from a server that has what these loads wrote.
    """

    mapping: str
    neo4j: Neo4jSettings
    embedding: EmbeddingSettings
    state: str = ""


def settings_of(found: Origins, mapping: str | None = None) -> SearchSettings:
    """Return the settings of a search from those collected; `mapping` wins. Raises `SettingsError` for a wrong one."""
    named = mapping or (found["mapping"].value if "mapping" in found else DEFAULTS["mapping"])
    parts = build.neo4j_settings(found), build.embedding_settings(found), build.search_state(found)
    return SearchSettings(named, *parts)


def search(settings: SearchSettings, question: Question) -> list[Hit]:
    """Return the hits of one question, best first; raises as `search_all`."""
    return search_all(settings, [question])[0]


def search_all(settings: SearchSettings, questions: list[Question]) -> list[list[Hit]]:
    """
    Return the hits of each question, best first; one call of the model embeds all texts.

    Raises `SettingsError` for a question that the mapping or Lucene refuses, `PreflightError` if the graph cannot
    answer, `ModelIdentityError` if another model made the graph's vectors.
    """
    mapping = read_mapping(settings.mapping)
    by_table: dict[Table, list[int]] = {}
    for place, question in enumerate(questions):
        table = question.table_in(mapping)
        filters.parsed(table, question.where)  # faults of the questions, before anything is opened
        if question.similar_to:
            filters.key(table, question.similar_to)
        by_table.setdefault(table, []).append(place)
    answers: dict[int, list[Hit]] = {}
    connection, reader = settings.neo4j.connection(), FolderReader.of(settings.state)
    if reader:
        connection = after_loads(connection, reader, mapping.tables)
    for table, places in by_table.items():
        asked = [questions[place] for place in places]
        if any(question.text and question.mode != "text" for question in asked):
            _check_text(mapping, table, settings.embedding)
        with opened(connection, table) as graph:
            vectors = _embedded(graph, settings.embedding, asked)
            for place, question in zip(places, asked, strict=True):
                answers[place] = answer(graph, mapping, question, vectors)
    return [answers[place] for place in range(len(questions))]


def _check_text(mapping: Mapping, table: Table, settings: EmbeddingSettings) -> None:
    choose.has_text(mapping, settings)
    if table.embedding and not table.has_text:
        raise SettingsError(
            f"table {table.name} has ready vectors and no text, so no model can embed the search text; use "
            "--similar-to, or name a table that embeds a text"
        )


def _embedded(graph: OpenedGraph, settings: EmbeddingSettings, questions: list[Question]) -> dict[str, Vector]:
    """Return the vectors of the questions' texts, by text, from the model that made the vectors of the graph."""
    texts = dict.fromkeys(question.text for question in questions if question.text and question.mode != "text")
    if not texts:
        return {}
    dimension = graph.embedding.index.dimension
    _ = graph.vector_index  # first, because an index that is missing or not ready shall cost no call of the model
    samples = vector_model_check.samples(graph.queries, [graph.table])
    embedder, _ = choose.first_usable(settings, 1, None, lambda _: None)
    texts.update(dict.fromkeys(sample.text for sample in samples))
    answers = {answer.text: answer for answer in checked(embedder.embed_texts(list(texts), Calls()), dimension)}
    vector_model_check.check_search(samples, {one.text: one.vector for one in answers.values()}, embedder.model_name)
    vectors = {}
    for question in questions:
        answer = answers.get(question.text)
        if answer and answer.vector is None:
            raise SettingsError(f"the search text cannot be embedded: {answer.fault}")
        if answer and answer.vector is not None:
            vectors[answer.text] = answer.vector
    return vectors


def answer(graph: OpenedGraph, mapping: Mapping, question: Question, vectors: dict[str, Vector]) -> list[Hit]:
    """Return the hits of one question, best first; `vectors` has the vector of its text if its mode compares any."""
    conditions, limit = filters.parsed(graph.table, question.where), question.limit
    if question.similar_to:
        key = filters.key(graph.table, question.similar_to)
        near = vector.nearest(graph, vector.vector_of(graph, key), limit + 1, conditions)
        hits = [hit for hit in near if hit.key != key][:limit]
    elif question.mode == "vector":
        hits = vector.nearest(graph, vectors[question.text], limit, conditions)
    elif question.mode == "text":
        hits = text.matching(graph, question.text, limit, conditions, lucene=question.lucene)
    else:
        depth = max(limit, min(limit * FUSED_DEPTH, MOST_FUSED))
        near = vector.nearest(graph, vectors[question.text], depth, conditions)
        words = text.matching(graph, question.text, depth, conditions, lucene=question.lucene)
        hits = hybrid.fused([near, words], limit)
    if question.threshold is not None:
        hits = [hit for hit in hits if hit.score >= question.threshold]
    return expand.expanded(graph, mapping, hits) if question.expand else hits
