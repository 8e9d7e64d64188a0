"""Checks that the vectors in a graph are those of this run's model: an index must not mix the vectors of two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from delta_neo4j.embedding.base import SAME_MODEL, Calls, Vector, checked, lowest_cosine
from delta_neo4j.errors import ModelIdentityError
from delta_neo4j.graph.bolt.queries import StatementError, open_queries
from delta_neo4j.graph.cypher.schema import remove_vectors, sample_vectors
from delta_neo4j.graph.schema import holder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.graph.bolt.queries import Queries
    from delta_neo4j.mapping.plan import Embedding, Table
    from delta_neo4j.settings.connection import Connection

SAMPLE, AMONG = 3, 100_000  # vectors to compare per table; nodes of the label that are searched for them


@dataclass(frozen=True)
class Sample:
    """The text and the vector of one node of `label`; the text is its property `shown`."""

    text: str
    vector: Vector
    label: str
    shown: str
    embedding: Embedding

    def cosine(self, vectors: Mapping[str, Vector | None]) -> float | None:
        """Return the cosine of the node's vector and that in `vectors`, by text; None if no vector is there."""
        vector = vectors.get(self.text)
        if vector is None:
            return None
        return lowest_cosine(self.vector[None], vector[None]) if self.vector.shape == vector.shape else 0.0

    def misfit(self, model: str, cosine: float) -> ModelIdentityError:
        """Return the error that the node's vector is of another model than `model`."""
        return ModelIdentityError(
            f"{self.label}.{self.embedding.property} holds vectors of another model than {model}, or of another text "
            f"than {self.shown} (cosine {cosine:.4f}): name the endpoint that made them, give the mapping another "
            f"property and another index than {self.embedding.index.name}, or remove them with "
            f"{remove_vectors(self.label, self.embedding.property)}"
        )


def check(connection: Connection, tables: Iterable[Table], embedder: Embedder, spark: SparkSession) -> None:
    """
    Embed the texts of some nodes again; raise `ModelIdentityError` if a vector differs from the node's vector.

    A state records the model of its own loads; this check finds the vectors that a load with another state wrote. Nodes
    that have no property with their text (a template makes it) cannot be checked.
    """
    with open_queries(connection) as session:
        found = samples(session, tables)
    if not found:
        return
    texts = dict.fromkeys(each.text for each in found)
    answers = checked(embedder.embed(spark, list(texts), Calls()), found[0].embedding.index.dimension)
    vectors = {answer.text: answer.vector for answer in answers}
    for each in found:
        cosine = each.cosine(vectors)
        if cosine is not None and cosine < SAME_MODEL:
            raise each.misfit(embedder.model_name, cosine)


def check_search(found: list[Sample], vectors: Mapping[str, Vector | None], model: str) -> None:
    """
    Raise `ModelIdentityError` if no sample has the vector that the model of a search gives its text, in `vectors`.

    One that fits is enough: a text that somebody has changed by hand must not end every search.
    """
    cosines = [(each.cosine(vectors), each) for each in found]
    known = [(cosine, each) for cosine, each in cosines if cosine is not None]
    if known and all(cosine < SAME_MODEL for cosine, _ in known):
        cosine, nearest = max(known, key=lambda pair: pair[0])
        raise nearest.misfit(model, cosine)


def samples(session: Queries, tables: Iterable[Table]) -> list[Sample]:
    """Return up to three nodes of each table that have a text and its vector; raise `PreflightError` if that fails."""
    found = []
    try:
        for table in tables:
            if not (table.embedding and table.has_text and table.shown_text):
                continue
            label, shown = holder(table), table.shown_text
            statement = sample_vectors(label, table.embedding.property, shown)
            for record in session.run(statement, most=SAMPLE, among=AMONG):
                text, vector = record["text"], record["vector"]
                if isinstance(text, str) and isinstance(vector, list) and all(isinstance(x, float) for x in vector):
                    found.append(Sample(text, np.array(vector, dtype=np.float32), label, shown, table.embedding))
    except StatementError as error:
        otherwise = "check that the user may read the graph"
        raise error.preflight_error("the graph's vectors cannot be read", otherwise) from error
    return found
