"""The keys of the nodes, or of an edge list's edges, that rows of a source have in the graph, with their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.graph.cypher import deletes as delete_text
from delta_neo4j.graph.cypher.common import OWNER
from delta_neo4j.graph.lists import to_parquet
from delta_neo4j.graph.passes.listing import Listing
from delta_neo4j.source.values import sql_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.graph.target import Target
    from delta_neo4j.mapping.plan import Table


def listed(spark: SparkSession, target: Target, table: Table, tokens: Iterable[str], path: str) -> DataFrame:
    """
    List in Parquet at `path` what rows with these source tokens have in the graph; return it as a frame.

    The columns are the key's parts, `k0` and so on, in their types, and the version `v`. A key with a part that has no
    value of its type is left out: no row of the table can have it.
    """
    columns = (*(f"k{i}" for i in range(len(table.key))), "v")
    parameters = {"owner": OWNER, "tokens": list(tokens)}
    listing = Listing(target.connection, delete_text.list_rows(table), parameters, columns)
    texts = to_parquet(target.runner, spark.range(0, 1, 1, 1), listing, path)
    typed = [F.expr(f"try_cast(k{i} AS {sql_type(p)})").alias(f"k{i}") for i, p in enumerate(table.key)]
    return texts.select(*typed, "v").dropna()
