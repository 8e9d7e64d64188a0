"""What `verify` compares for each table: its load, its version, and which versions in the graph are its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.runs.steps import checkpoint_folder
from delta_neo4j.runs.verify import reached
from delta_neo4j.runs.verify.compare import Owners
from delta_neo4j.source import delta, drift, grants
from delta_neo4j.source.append_stream import APPEND
from delta_neo4j.source.change_feed import CDF
from delta_neo4j.state.mappings import MappingHistory
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Mapping, Table
    from delta_neo4j.settings.values import LoadSettings
    from delta_neo4j.state.checkpoint import Load


@dataclass(frozen=True)
class Place:
    """
    One table with what its comparison needs.

    `load` is the load that its checkpoint holds, None before the first one. The graph is compared with `version` of the
    table, whose newest one is `newest`; a source without versions has None. `path` is the folder of frozen rows.
    """

    table: Table
    load: Load | None
    version: int | None
    newest: int | None
    owners: Owners
    path: str
    model_id: str

    @property
    def mode(self) -> str:
        """The source mode of the load, `append` before the first one."""
        return self.load.source_mode if self.load else APPEND

    @property
    def follows_feed(self) -> bool:
        """Whether the load reads the change data feed."""
        return self.mode == CDF


def look(spark: SparkSession, settings: LoadSettings, mapping: Mapping, version: int | None) -> list[Place]:
    """Return what is compared for each table; raises `PreflightError` if a table or the graph cannot be read."""
    state, connection = State(settings.state), settings.neo4j.connection(settings.graph_retry_seconds)
    server_version(connection)
    grants.check_readable(spark, [table.source for table in mapping.tables], settings.state)
    _check_labels(mapping)
    histories = MappingHistory.of_all(spark, state, [table.name for table in mapping.tables])
    runs, places = reached.Runs.of(spark, state), []
    for mapped in mapping.tables:
        source = delta.describe(spark, mapped.source)
        table = drift.expanded(mapped, source.schema)
        folder = checkpoint_folder(settings, table)
        load = reached.held(spark, runs, folder, table, source)
        own, frames = reached.tokens(histories[table.name], table, source)
        at, owners = source.version if version is None else version, Owners(own, frames)
        if load:
            at = reached.version_reached(spark, state, runs, table, load) if version is None else version
            owners = Owners(own, frames, *reached.versions(table, load, at))
        path = f"{folder}/staging/{uuid.uuid4().hex[:12]}"
        places.append(Place(table, load, at, source.version, owners, path, runs.model_id))
    return places


def _check_labels(mapping: Mapping) -> None:
    labels: dict[str, str] = {}
    for table in mapping.tables:
        for label in table.labels[:1]:
            if label in labels:
                raise PreflightError(
                    f"tables {labels[label]} and {table.name} of the mapping write nodes of one label, {label}: verify "
                    "cannot tell which of them wrote what"
                )
            labels[label] = table.name
