"""Make, after preflight, what a run needs and what is missing: state table, model id, constraints, indexes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from delta_neo4j.embedding import model_identity
from delta_neo4j.graph import schema
from delta_neo4j.source import grants

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.base import Embedder
    from delta_neo4j.graph.passes.runner import PassRunner
    from delta_neo4j.graph.registry import Entry
    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.runs.preflight import Findings
    from delta_neo4j.settings.values import LoadSettings, TextSettings
    from delta_neo4j.source.delta import SourceVersion
    from delta_neo4j.state.mappings import MappingHistory
    from delta_neo4j.state.tables import State

NO_MODEL = "precomputed"  # the model id if no text is embedded


@dataclass(frozen=True)
class Ready:
    """
    Everything that a run needs to begin, by table name; `server_version` is None for a run without Neo4j.

    `registry`: what the graph holds, by source token; a run that holds leases fills it.
    """

    sources: dict[str, SourceVersion]
    histories: dict[str, MappingHistory]
    embedder: Embedder | None
    embedder_reason: str
    model_id: str
    server_version: str | None
    database_id: str | None
    runner: PassRunner
    writers: int
    registry: dict[str, Entry] = field(default_factory=dict)


def prepare(spark: SparkSession, mapping: Mapping, settings: LoadSettings, state: State, findings: Findings) -> Ready:
    """Check that the state is writable, store the id of a new model, make constraints and indexes; wait for them."""
    _prepare_state(spark, settings, state)  # first: if the state refuses, the graph stays unchanged
    with ThreadPoolExecutor(1) as beside:
        # Storing a new model id is a Delta commit (seconds on a cold JVM); the indexes come online meanwhile.
        making = beside.submit(_make_schema, settings, mapping)
        model_id = _model_id(spark, state, findings)
        making.result()
    return _ready(findings, model_id)


def prepare_texts(spark: SparkSession, settings: TextSettings, state: State, findings: Findings) -> Ready:
    """Do the part of `prepare` that a run without Neo4j needs: the state, and the id of a new model."""
    _prepare_state(spark, settings, state)
    return _ready(findings, _model_id(spark, state, findings))


def _prepare_state(spark: SparkSession, settings: TextSettings, state: State) -> None:
    with grants.as_preflight_error(spark, grants.needed((), settings.state, "")):
        state.prove_writable(spark)


def _model_id(spark: SparkSession, state: State, findings: Findings) -> str:
    model = findings.model
    if model is None:
        return NO_MODEL
    return model.model_id or model_identity.mint(spark, state, model.embedder.model_name, model.probes)


def _make_schema(settings: LoadSettings, mapping: Mapping) -> None:
    schema.ensure(settings.neo4j.connection(settings.graph_retry_seconds), mapping)


def _ready(findings: Findings, model_id: str) -> Ready:
    model = findings.model
    return Ready(
        findings.sources,
        findings.histories,
        model.embedder if model else None,
        model.reason if model else "the mapping embeds no text",
        model_id,
        findings.server_version,
        findings.database_id,
        findings.runner,
        findings.writers,
    )
