"""Everything a run needs, looked for before anything is written; each fault is one line with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession  # noqa: TC002

from delta_neo4j import models, schema, source, validation
from delta_neo4j.embedding.base import probe
from delta_neo4j.embedding.choose import choose
from delta_neo4j.errors import PreflightError
from delta_neo4j.server import server_version
from delta_neo4j.transactions import open_driver

if TYPE_CHECKING:
    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.plan import Graph, Table
    from delta_neo4j.settings import LoadSettings
    from delta_neo4j.source import SourceVersion
    from delta_neo4j.state import State

NO_MODEL = "precomputed"  # the model id where vectors come ready, or there is no text


@dataclass(frozen=True)
class Ready:
    """What preflight found: all a run needs to begin."""

    sources: dict[str, SourceVersion]
    embedder: Embedder | None
    embedder_reason: str
    model_id: str
    server_version: str


def check(spark: SparkSession, graph: Graph, settings: LoadSettings, state: State) -> Ready:
    """Look for everything in the order of cost; the first thing that is missing stops the run."""
    embedder, reason = choose(graph, settings.embedding, settings.write_partitions)
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    version = server_version(connection)
    sources = {table.name: _check_source(spark, table) for table in graph.tables}
    model_id = NO_MODEL
    if embedder is not None:
        vectors = probe(embedder, spark, _dimension(graph))
        model_id = models.identify(spark, state, embedder.model_name, vectors)
    with open_driver(connection) as driver:
        schema.ensure(driver, connection.database, graph)
    return Ready(sources, embedder, reason, model_id, version)


def _check_source(spark: SparkSession, table: Table) -> SourceVersion:
    found = source.describe(spark, table.source)
    source.check_columns(table, found.schema)
    validation.check_types(table, found.schema, spark.createDataFrame([], found.schema))
    return found


def _dimension(graph: Graph) -> int:
    dimensions = {t.embedding.index.dimension for t in graph.tables if t.embedding and t.embedding.text_column}
    if len(dimensions) > 1:
        raise PreflightError(
            f"one model embeds all texts, but the mapping's indexes have dimensions {sorted(dimensions)}"
        )
    return dimensions.pop()
