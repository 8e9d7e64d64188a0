"""What the rows of a table write, as documents, by the functions that a micro-batch uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph import scan
from delta_neo4j.graph.passes.documents import EXPECTED, ExpectedDocuments, Properties, Shape
from delta_neo4j.graph.passes.parameters import PropertyMaps
from delta_neo4j.pipeline.texts import texts_of
from delta_neo4j.source import contract, freeze, ranking, snapshot
from delta_neo4j.source.hashes import digest
from delta_neo4j.source.rules import validated

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.runs.verify.places import Place
    from delta_neo4j.state.tables import State

TEXT_SHAPE = Properties(PropertyMaps(("text",)))


@dataclass(frozen=True)
class Expected:
    """
    The rows of a table at a version, ranked and frozen, and the documents that they write.

    `vectors`: whether the numbers of vectors are compared. `model_id` is that of the state's vectors.
    """

    table: Table
    frozen: DataFrame
    state: State
    model_id: str
    vectors: bool

    def documents(self) -> DataFrame:
        """Return the documents (`EXPECTED`) of all sound rows, the winner and those that it supersedes."""
        sound = self.frozen.where(F.col(ranking.STATE).isin(ranking.WINNER, ranking.SUPERSEDED))
        shape, vector = scan.shape_of(self.table, vectors=self.vectors), None
        if embedding := self.table.vector_on_row:
            if embedding.vector:
                vector = F.col(contract.raw_column(self.table, embedding.vector))
            else:
                sound, vector = self.with_vector(sound)
        return scan.expected(self.table, sound, shape, vector)

    def keys(self, state: str) -> DataFrame:
        """Return the keys (`key`) of the rows with a state of the ranking."""
        table = self.table.keys_only()
        rows = self.frozen.where(F.col(ranking.STATE) == state)
        return scan.expected(table, rows, scan.shape_of(table, vectors=False), None).select("key").distinct()

    def texts(self, label: str) -> tuple[Shape, DataFrame]:
        """Return the shape and the documents of the nodes with `label` that hold the rows' texts and their vectors."""
        embedding = self.table.embedding
        if embedding is None:
            raise ValueError(f"table {self.table.name} embeds no text")
        winners = self.frozen.where(F.col(ranking.STATE) == ranking.WINNER)
        texts = texts_of(self.table, winners, "p0").groupBy("text_hash").agg(F.first("p0").alias("p0"))
        rows, vector = self.with_vector(texts)
        shape = Shape(1, (label,), TEXT_SHAPE, (), has_vector=True, vectors=self.vectors)
        selected = rows.select(
            F.col("text_hash").alias("k0"),
            F.struct("p0").alias("node"),
            digest([F.lit(self.model_id), F.lit(embedding.property)]).alias("h"),
            F.lit(None).cast("string").alias("r"),
            F.to_json(F.array("text_hash")).alias("row_key"),
            F.lit(ranking.WINNER).alias("state"),
            vector.alias("vector"),
        )
        return shape, selected.mapInArrow(ExpectedDocuments(shape), EXPECTED)

    def with_vector(self, rows: DataFrame, text_hash: str = "text_hash") -> tuple[DataFrame, Column]:
        """
        Return rows and the column with the vector of a text, or with anything if only its presence counts.

        The column `text_hash` of the rows says which text.
        """
        if not self.vectors:
            return rows, F.col(text_hash)
        cached = self.state.read(rows.sparkSession, "embeddings").where(F.col("model_id") == self.model_id)
        by_text = cached.groupBy(F.lower(F.hex("text_hash")).alias(text_hash)).agg(
            F.first("embedding").alias("cached_vector")
        )
        return rows.join(by_text, text_hash, "left"), F.col("cached_vector")


def expected(spark: SparkSession, place: Place, partitions: int) -> DataFrame:
    """Return the rows of a table at the version to compare with: validated, ranked and frozen."""
    table = place.table
    rows = snapshot.rows_of_mode(spark, table, place.mode, place.version, f"{place.path}/copy")
    ranked = ranking.ranked(table, validated(table, rows), place.model_id, partitions)
    return freeze.freeze(table, ranked, f"{place.path}/rows", 1)
