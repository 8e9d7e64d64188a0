"""Whether the vectors that a graph holds already are of the model at hand: two models never mix in one index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j.embedding.base import SAME_MODEL, Calls, Vector, checked, lowest_cosine
from delta_neo4j.errors import ModelIdentityError, PreflightError
from delta_neo4j.identifiers import quoted
from delta_neo4j.schema import holder
from delta_neo4j.transactions import one_line, open_driver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.plan import Connection, Embedding, Table

SAMPLE, AMONG = 3, 100_000  # nodes of an index, and how many of its label are looked at for them


@dataclass(frozen=True)
class _Held:
    """A text that a node of `label` shows as its property `shown`, and the vector beside it."""

    text: str
    vector: Vector
    label: str
    shown: str
    embedding: Embedding

    @property
    def place(self) -> str:
        """Label and property of the vector."""
        return f"{self.label}.{self.embedding.property}"


def check(connection: Connection, tables: Iterable[Table], embedder: Embedder, spark: SparkSession) -> None:
    """
    Embed a few texts that nodes show beside their vector, and raise `ModelIdentityError` where the two differ.

    A state knows the model of what it has loaded; this is for graphs that another state has filled. Nodes that do not
    show their text (a template's) tell nothing.
    """
    held = _held(connection, tables)
    if not held:
        return
    texts = dict.fromkeys(each.text for each in held)
    answers = checked(embedder.embed(spark, list(texts), Calls()), held[0].embedding.index.dimension)
    vectors = {answer.text: answer.vector for answer in answers}
    for each in held:
        vector = vectors.get(each.text)
        if vector is None:
            continue
        cosine = lowest_cosine(each.vector[None], vector[None]) if each.vector.shape == vector.shape else 0.0
        if cosine < SAME_MODEL:
            raise ModelIdentityError(
                f"{each.place} holds vectors of another model than {embedder.model_name}, or of another text than "
                f"{each.shown} (cosine {cosine:.4f}): name the endpoint that made them, give the mapping another "
                f"property and another index than {each.embedding.index.name}, or take them out with {_removal(each)}"
            )


def _held(connection: Connection, tables: Iterable[Table]) -> list[_Held]:
    found = []
    try:
        with open_driver(connection) as driver, driver.session(database=connection.database) as session:
            for table in tables:
                if not (table.embedding and table.has_text and table.shown_text):
                    continue
                label, shown = holder(table), table.shown_text
                for record in session.run(_sample(label, table.embedding, shown), most=SAMPLE, among=AMONG):
                    text, vector = record["text"], record["vector"]
                    if isinstance(text, str) and isinstance(vector, list) and all(isinstance(x, float) for x in vector):
                        found.append(_Held(text, np.array(vector, dtype=np.float32), label, shown, table.embedding))
    except (Neo4jError, DriverError) as error:
        raise PreflightError(f"the graph's vectors cannot be looked at: {one_line(error)}") from error
    return found


def _sample(label: str, embedding: Embedding, shown: str) -> str:
    text, vector = f"n.{quoted(shown)}", f"n.{quoted(embedding.property)}"
    return (
        f"MATCH (n:{quoted(label)}) WITH n LIMIT $among WHERE {vector} IS NOT NULL AND {text} IS NOT NULL "
        f"RETURN {text} AS text, {vector} AS vector LIMIT $most"
    )


def _removal(held: _Held) -> str:
    return f"MATCH (n:{quoted(held.label)}) REMOVE n.{quoted(held.embedding.property)}"
