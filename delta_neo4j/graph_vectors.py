"""Whether the vectors that a graph holds already are of the model at hand: two models never mix in one index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from delta_neo4j.embedding.base import SAME_MODEL, Calls, checked, lowest_cosine
from delta_neo4j.errors import ModelIdentityError
from delta_neo4j.identifiers import quoted
from delta_neo4j.schema import holder
from delta_neo4j.transactions import open_driver

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.plan import Connection, Embedding, Table

SAMPLE = 3  # nodes of an index


def check(connection: Connection, tables: Iterable[Table], embedder: Embedder, spark: SparkSession) -> None:
    """
    Embed a few texts that nodes show beside their vector, and raise `ModelIdentityError` where the two differ.

    A state knows the model of what it has loaded; this is for graphs that another state has filled. Nodes that do not
    show their text (a template's) tell nothing.
    """
    found: dict[str, list[tuple[str, list[float], str]]] = {}  # by text: where, vector, index
    dimension = 0
    with open_driver(connection) as driver, driver.session(database=connection.database) as session:
        for table in tables:
            if table.embedding and table.has_text and table.shown_text:
                dimension = table.embedding.index.dimension
                where = f"{holder(table)}.{table.embedding.property}"
                for record in session.run(_sample(table, table.embedding), most=SAMPLE):
                    found.setdefault(record["text"], []).append((where, record["vector"], table.embedding.index.name))
    for answer in checked(embedder.embed(spark, list(found), Calls()), dimension) if found else ():
        for where, held, index in found[answer.text]:
            if answer.vector is None:
                continue
            vector = np.array(held, dtype=np.float32)
            same = lowest_cosine(vector[None], answer.vector[None]) if vector.shape == answer.vector.shape else 0.0
            if same < SAME_MODEL:
                raise ModelIdentityError(
                    f"{where} holds vectors of another model than {embedder.model_name} (cosine {same:.4f} for the "
                    "same text): name the endpoint that made them, take them out with the state that loaded them "
                    f"(delta-neo4j clear), or give the mapping another property and another index than {index}"
                )


def _sample(table: Table, embedding: Embedding) -> str:
    text, vector = f"n.{quoted(table.shown_text or '')}", f"n.{quoted(embedding.property)}"
    return (
        f"MATCH (n:{quoted(holder(table))}) WHERE {vector} IS NOT NULL AND {text} IS NOT NULL "
        f"RETURN {text} AS text, {vector} AS vector LIMIT $most"
    )
