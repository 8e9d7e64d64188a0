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

SAMPLE = 3  # nodes of an index


@dataclass(frozen=True)
class _Held:
    """A text that a node shows, and the vector that stands at `place`, its label and property."""

    text: str
    vector: Vector
    place: str
    embedding: Embedding


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
                f"{each.place} holds vectors of another model than {embedder.model_name} (cosine {cosine:.4f} for the "
                "same text): name the endpoint that made them, take them out with the state that loaded them "
                "(delta-neo4j clear), or give the mapping another property and another index than "
                f"{each.embedding.index.name}"
            )


def _held(connection: Connection, tables: Iterable[Table]) -> list[_Held]:
    found = []
    try:
        with open_driver(connection) as driver, driver.session(database=connection.database) as session:
            for table in tables:
                if not (table.embedding and table.has_text and table.shown_text):
                    continue
                place = f"{holder(table)}.{table.embedding.property}"
                for record in session.run(_sample(table, table.embedding, table.shown_text), most=SAMPLE):
                    vector = np.array(record["vector"], dtype=np.float32)
                    found.append(_Held(record["text"], vector, place, table.embedding))
    except (Neo4jError, DriverError) as error:
        raise PreflightError(f"the graph's vectors cannot be looked at: {one_line(error)}") from error
    return found


def _sample(table: Table, embedding: Embedding, shown: str) -> str:
    text, vector = f"n.{quoted(shown)}", f"n.{quoted(embedding.property)}"
    return (
        f"MATCH (n:{quoted(holder(table))}) WHERE {vector} IS NOT NULL AND {text} IS NOT NULL "
        f"RETURN {text} AS text, {vector} AS vector LIMIT $most"
    )
