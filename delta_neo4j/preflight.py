"""Everything a run needs, looked for before anything is written; each fault is one line with its remedy."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession  # noqa: TC002

from delta_neo4j import drift, grants, graph_vectors, models, reach, schema, source, source_types
from delta_neo4j.embedding import choose
from delta_neo4j.embedding.base import Vector, probe
from delta_neo4j.errors import PreflightError
from delta_neo4j.mapping_history import MappingHistory
from delta_neo4j.server import check_writes, database_id, server_version
from delta_neo4j.transactions import open_driver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.plan import Connection, Graph, Table
    from delta_neo4j.settings import LoadSettings, TextSettings
    from delta_neo4j.source import SourceVersion
    from delta_neo4j.state import State

log = logging.getLogger(__name__)

SEEN = "what this run's principal may see, no more"
NO_MODEL = "precomputed"  # the model id where vectors come ready, or there is no text


@dataclass(frozen=True)
class Ready:
    """What preflight found: all a run needs to begin. `server_version` is None where no graph was asked for."""

    sources: dict[str, SourceVersion]
    embedder: Embedder | None
    embedder_reason: str
    model_id: str
    server_version: str | None = None
    database_id: str | None = None
    reach: reach.Reach = field(default_factory=reach.Reach)
    histories: dict[str, MappingHistory] = field(default_factory=dict)


def check(
    spark: SparkSession,
    graph: Graph,
    settings: LoadSettings,
    state: State,
    frames: Mapping[str, SourceVersion] | None = None,
) -> Ready:
    """
    Look for everything in the order of cost; the first thing that is missing stops the run.

    `frames` are sources, by table, that are not Delta tables and were looked at already.
    """
    choose.has_text(graph, settings.embedding)
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    version, database = server_version(connection), database_id(connection)
    check_writes(connection, graph)
    with ThreadPoolExecutor(1) as beside:
        made: list[Future[None]] = []

        def found(embedder: Embedder | None, histories: Mapping[str, MappingHistory]) -> None:
            if embedder:
                fresh = [table for table in graph.tables if histories[table.name].is_new_to(database)]
                graph_vectors.check(connection, fresh, embedder, spark)
            made.append(beside.submit(_ensure, connection, graph))

        # The model may have to be noted, a Delta commit on a cold JVM: the indexes come online meanwhile.
        ready = check_texts(
            spark,
            graph,
            settings,
            state,
            frames=frames,
            then=found,
        )
        way = reach.found(spark, connection, settings.write_partitions)
        made[0].result()
    return replace(ready, server_version=version, database_id=database, reach=way)


def _ensure(connection: Connection, graph: Graph) -> None:
    with open_driver(connection) as driver:
        schema.ensure(driver, connection.database, graph)


def check_texts(
    spark: SparkSession,
    graph: Graph,
    settings: TextSettings,
    state: State,
    *,
    then: Callable[[Embedder | None, Mapping[str, MappingHistory]], None] = lambda *_: None,
    frames: Mapping[str, SourceVersion] | None = None,
) -> Ready:
    """
    Look for all that embedding needs: the tables, a strategy that works, and the model the state knows.

    `then` is called with the embedder and the histories when all is found, before anything is written.
    """
    sources, histories = _tables(spark, graph, settings, state, frames or {})
    if not choose.has_text(graph, settings.embedding):
        _check_writable(spark, settings, state)
        then(None, histories)
        return Ready(sources, None, "the mapping embeds no text", NO_MODEL, histories=histories)
    probes: list[Vector] = []
    dimension = text_dimension(graph)
    embedder, reason = choose.first_usable(
        settings.embedding,
        settings.write_partitions,
        spark,
        lambda candidate: probes.append(probe(candidate, spark, dimension)),
    )
    known = models.known(spark, state, embedder.model_name, probes[-1])
    _check_writable(spark, settings, state)
    then(embedder, histories)
    model_id = known or models.mint(spark, state, embedder.model_name, probes[-1])
    return Ready(sources, embedder, reason, model_id, histories=histories)


def _tables(
    spark: SparkSession, graph: Graph, settings: TextSettings, state: State, frames: Mapping[str, SourceVersion]
) -> tuple[dict[str, SourceVersion], dict[str, MappingHistory]]:
    """Look at every table, against what earlier loads of it noted; both by table name."""
    named = [table for table in graph.tables if table.name not in frames]
    grants.check_readable(spark, [table.source for table in named], settings.state)
    with ThreadPoolExecutor(1) as beside:
        # Either is seconds of a cold JVM, and most of it on one core.
        kept = beside.submit(MappingHistory.of_all, spark, state, [table.name for table in graph.tables])
        sources = {**frames, **{table.name: source.describe(spark, table.source) for table in named}}
        histories = kept.result()
    for table in graph.tables:
        if table.name in frames:  # no table of Unity Catalog, and no earlier columns
            _check_columns(spark, table, frames[table.name])
        else:
            check_source(spark, table, sources[table.name], histories[table.name].columns)
    return sources, histories


def _check_writable(spark: SparkSession, settings: TextSettings, state: State) -> None:
    grants.check_volumes(spark, (settings.state, settings.checkpoints))
    with grants.told(spark, grants.needed((), settings.state, "")):
        state.prove_writable(spark)


def check_source(
    spark: SparkSession, table: Table, found: SourceVersion | None = None, before: Mapping[str, str] | None = None
) -> SourceVersion:
    """
    Look at a table and its columns; raise `PreflightError` for what the mapping cannot use.

    `found` is what was seen of it already. `before` are its columns at the last load: what became of them since is
    told, or stops.
    """
    found = found or source.describe(spark, table.source)
    if restricted := grants.restricted(spark, table.source):
        log.warning("source.restricted", extra={"table": table.source, "by": restricted, "seen": SEEN})
    if before is not None:
        for told in drift.check(table, before, drift.columns_of(found.schema)):
            log.warning("source.drifted", extra={"table": table.name, "told": told})
    _check_columns(spark, table, found)
    return found


def _check_columns(spark: SparkSession, table: Table, found: SourceVersion) -> None:
    empty = spark.createDataFrame([], found.schema)
    source.check_columns(table, empty)
    source_types.check_types(table, empty)


def text_dimension(graph: Graph) -> int:
    """Give the dimension of the mapping's one model; raise `PreflightError` when its indexes differ."""
    dimensions = {t.embedding.index.dimension for t in graph.tables if t.embedding and t.has_text}
    if len(dimensions) > 1:
        raise PreflightError(
            f"one model embeds all texts, but the mapping's indexes have dimensions {sorted(dimensions)}"
        )
    return dimensions.pop()
