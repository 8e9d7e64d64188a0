"""
Check everything that a run needs before the run makes anything; each fault is a `PreflightError` with its remedy.

Preflight leaves no trace: its writes to Neo4j are rolled back, its empty file in a Volume is removed. After it has
passed, `runs/prepare.py` makes what is missing.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession  # noqa: TC002

from delta_neo4j.embedding import choose, model_identity
from delta_neo4j.embedding.base import Vector, probe
from delta_neo4j.errors import LoaderError, PreflightError
from delta_neo4j.graph import key_types, vector_model_check
from delta_neo4j.graph.bolt.server import check_writes, database_id, server_version
from delta_neo4j.graph.passes import runner
from delta_neo4j.runs.writers import writers
from delta_neo4j.source import column_checks, delta, drift, grants, types
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state.mappings import MappingHistory

if TYPE_CHECKING:
    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.mapping.plan import Mapping, Table
    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.settings.values import LoadSettings, TextSettings
    from delta_neo4j.source.delta import SourceVersion
    from delta_neo4j.state.tables import State

log = logging.getLogger(__name__)
_AT_ONCE = 4  # statements about tables under way
VISIBLE_ROWS = "only what this run's principal may see"
_ONLY_WITHIN = "order_by sorts the rows of one micro-batch only; sequence_by decides in any (docs/changes.md)"


@dataclass(frozen=True)
class Model:
    """The model that embeds the mapping's texts, and its vectors of the probe texts (probes × dimension)."""

    embedder: Embedder
    reason: str  # why this embedder was chosen
    probes: Vector
    model_id: str | None  # None: the state holds no model yet


@dataclass(frozen=True)
class Findings:
    """The results of preflight, by table name; `model` is None if the mapping embeds no text."""

    sources: dict[str, SourceVersion]
    histories: dict[str, MappingHistory]
    model: Model | None
    # Set if the run writes to Neo4j:
    server_version: str | None = None
    database_id: str | None = None
    runner: runner.PassRunner = field(default_factory=runner.PassRunner)
    writers: int = 1


def check(
    spark: SparkSession,
    mapping: Mapping,
    settings: LoadSettings,
    state: State,
    frames: dict[str, SourceVersion] | None = None,
) -> Findings:
    """
    Check everything that a run with Neo4j needs, the cheapest check first.

    `frames`: the sources that are frames and not Delta tables, by table name. Raises `LoaderError` for the first
    fault.
    """
    choose.has_text(mapping, settings.embedding)
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    with ThreadPoolExecutor(1) as beside:
        graph = beside.submit(_check_graph, connection, mapping)  # Neo4j may be far, and Spark has its own work
        try:
            sources, histories, models = _check_state(spark, mapping, settings, state, frames or {})
        except LoaderError:
            graph.result()  # of two faults the graph's is told
            raise
        version, database = graph.result()
    findings = Findings(sources, histories, _check_model(spark, mapping, settings, models))
    new_tables = [table for table in mapping.tables if findings.histories[table.name].is_new_to(database)]
    newly_mapped = [table for table in mapping.tables if not findings.histories[table.name].knows(table, database)]
    if newly_mapped:
        key_types.check(connection, newly_mapped)
    if findings.model:
        vector_model_check.check(connection, new_tables, findings.model.embedder, spark)
    count = writers(spark, settings)
    pass_runner = runner.choose_runner(spark, connection, count)
    return replace(findings, server_version=version, database_id=database, runner=pass_runner, writers=count)


def _check_graph(connection: Connection, mapping: Mapping) -> tuple[str, str | None]:
    """Return the server's version and the database's id; raise the error of a user who may not write."""
    version, database = server_version(connection), database_id(connection)
    check_writes(connection, mapping)
    return version, database


def check_texts(
    spark: SparkSession,
    mapping: Mapping,
    settings: TextSettings,
    state: State,
    frames: dict[str, SourceVersion] | None = None,
) -> Findings:
    """Check everything that embedding needs: tables, Volumes, an embedder that answers, the model of the state."""
    sources, histories, models = _check_state(spark, mapping, settings, state, frames or {})
    return Findings(sources, histories, _check_model(spark, mapping, settings, models))


def _check_state(
    spark: SparkSession, mapping: Mapping, settings: TextSettings, state: State, frames: dict[str, SourceVersion]
) -> tuple[dict[str, SourceVersion], dict[str, MappingHistory], list[model_identity.Recorded]]:
    """Check tables and Volumes; return versions and histories by table name, and the models of the state."""
    with ThreadPoolExecutor(1) as beside:
        has_text = choose.has_text(mapping, settings.embedding)
        reading = beside.submit(model_identity.recorded, spark, state) if has_text else None
        sources, histories = _check_tables(spark, mapping, settings, state, frames)
        grants.check_volumes(spark, (settings.state, settings.checkpoints))
        return sources, histories, reading.result() if reading else []


def _check_model(
    spark: SparkSession, mapping: Mapping, settings: TextSettings, recorded: list[model_identity.Recorded]
) -> Model | None:
    """Return the model that embeds the mapping's texts, None if it embeds none."""
    if not choose.has_text(mapping, settings.embedding):
        return None
    dimension = text_dimension(mapping)
    embedder, reason, probes = choose.first_answering(
        settings.embedding,
        writers(spark, settings),
        spark,
        lambda candidate: probe(candidate, spark, dimension),
    )
    model_id = model_identity.known(recorded, embedder.model_name, probes)
    return Model(embedder, reason, probes, model_id)


def _check_tables(
    spark: SparkSession, mapping: Mapping, settings: TextSettings, state: State, frames: dict[str, SourceVersion]
) -> tuple[dict[str, SourceVersion], dict[str, MappingHistory]]:
    """Check every table, also against its last load; return the versions and the histories, by table name."""
    delta_tables = [table for table in mapping.tables if table.name not in frames]
    grants.check_readable(spark, [table.source for table in delta_tables], settings.state)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Reading the histories and describing a table each take seconds on a cold JVM, mostly on one core.
        reading = pool.submit(MappingHistory.of_all, spark, state, [table.name for table in mapping.tables])
        described = pool.map(lambda table: delta.describe(spark, table.source), delta_tables)
        sources = {**frames, **dict(zip((table.name for table in delta_tables), described, strict=True))}
        histories = reading.result()
    for table in mapping.tables:
        if table.name in frames:  # a frame has no grants in Unity Catalog, and no earlier load to compare columns with
            _check_columns(spark, table, frames[table.name])
        else:
            check_source(spark, table, sources[table.name], histories[table.name].columns)
    return sources, histories


def check_source(
    spark: SparkSession,
    table: Table,
    source: SourceVersion | None = None,
    columns_before: dict[str, str] | None = None,
) -> SourceVersion:
    """
    Check a Delta table and its columns, and return the table's version.

    `source`: the version, if it was read already. `columns_before`: the columns of the last load (name → Spark type);
    a change since then is logged. Raises `PreflightError` if the mapping cannot use a column or a changed column.
    """
    source = source or delta.describe(spark, table.source)
    if restricted := grants.restricted(spark, table.source):
        log.warning("source.restricted", extra={"table": table.source, "by": restricted, "seen": VISIBLE_ROWS})
    if columns_before is not None:
        for sentence in drift.check(table, columns_before, drift.columns_of(source.schema)):
            log.warning("source.drifted", extra={"table": table.name, "told": sentence})
    if table.order_by:
        log.warning("order_by.narrow", extra={"table": table.name, "told": _ONLY_WITHIN})
    _check_columns(spark, table, source)
    return source


def _check_columns(spark: SparkSession, table: Table, source: SourceVersion) -> None:
    empty = spark.createDataFrame([], source.schema)
    with deciding_values(spark, table.timezone):
        column_checks.check_columns(table, empty)
        types.check_types(table, empty)


def text_dimension(mapping: Mapping) -> int:
    """Return the dimension of the mapping's embedded texts; raise `PreflightError` if its indexes have several."""
    dimensions = {t.embedding.index.dimension for t in mapping.tables if t.embedding and t.has_text}
    if len(dimensions) > 1:
        raise PreflightError(
            f"one model embeds all texts, but the mapping's indexes have dimensions {sorted(dimensions)}; "
            "give every index of a text the dimension of the model"
        )
    return dimensions.pop()
