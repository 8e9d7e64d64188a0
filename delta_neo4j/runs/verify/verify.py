"""`verify`: compare what the graph has of each table with the table, report every difference, and repair it."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph import registry
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.runs.bookmarks import after_loads
from delta_neo4j.runs.run import travel_by_value
from delta_neo4j.runs.verify import reached
from delta_neo4j.runs.verify import repair as repairs
from delta_neo4j.runs.verify.comparison import Comparison, compared
from delta_neo4j.runs.verify.places import look
from delta_neo4j.runs.verify.report import VerifyReport
from delta_neo4j.source.freeze import clear_scratch
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state.spark_reader import SparkReader
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.runs.verify.places import Place
    from delta_neo4j.settings.values import LoadSettings


def verify(
    spark: SparkSession,
    settings: LoadSettings,
    *,
    vectors: bool = False,
    version: int | None = None,
    repair: bool = False,
) -> VerifyReport:
    """
    Compare the graph with the tables of a mapping, at the version that their loads have reached.

    `vectors`: compare the numbers of all vectors; otherwise only whether a node has one. `version`: the version of the
    table to compare with, for a mapping of one table. `repair`: write again what differs, delete what is extra, and
    compare once more. Appends a row for each table to the state table `verifications`.
    """
    travel_by_value()
    mapping = read_mapping(settings.mapping, settings.sources, settings.located)
    if version is not None and len(mapping.tables) > 1:
        raise PreflightError(f"--version is one table's, and mapping {mapping.name} has {len(mapping.tables)} tables")
    if version is not None and repair:
        raise PreflightError(
            "a repair writes what the table has at the version that its load has reached: leave out --version"
        )
    report = _compared(spark, settings, mapping, vectors=vectors, version=version, repair=repair)
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    before, repaired = report.tables, report.repaired or 0
    for last in (False, True):
        if report.repaired is None:
            break
        # A node that came back may be the end of relationships that the first comparison had to leave out.
        seen = registry.newest_bookmarks(connection)  # a delete has no row in the ledger
        report = _compared(spark, settings, mapping, vectors=vectors, version=None, repair=not last, seen=seen)
        repaired += report.repaired or 0
    if repair:
        report.repaired, report.before = repaired, before
    _record(spark, settings, report)
    return report


def _compared(
    spark: SparkSession,
    settings: LoadSettings,
    mapping: Mapping,
    *,
    vectors: bool,
    version: int | None,
    repair: bool,
    seen: tuple[str, ...] = (),
) -> VerifyReport:
    """
    Compare every table, and with `repair` write what differs; the report has what the comparison found.

    The comparison sees the writes behind the bookmarks `seen`.
    """
    with ExitStack() as stack:
        found = _compare(spark, settings, mapping, stack, vectors=vectors, version=version, seen=seen)
        report = VerifyReport([each.check for each in found], vectors)
        if repair and not report.is_equal:
            report.repaired = repairs.repair(spark, settings, mapping, found)
        elif repair and not seen and not repairs.is_registered(spark, settings, found):  # a repair has written it
            repairs.repair(spark, settings, mapping, found)
        return report


def _compare(
    spark: SparkSession,
    settings: LoadSettings,
    mapping: Mapping,
    stack: ExitStack,
    *,
    vectors: bool,
    version: int | None,
    seen: tuple[str, ...],
) -> list[Comparison]:
    """
    Compare every table; the frames of the result can be read until `stack` is closed.

    If something differs and a load wrote meanwhile, all tables are compared once more.
    """
    reader = SparkReader(spark, settings.state)
    plain = replace(settings.neo4j.connection(settings.graph_retry_seconds), bookmarks=seen)
    for last in (False, True):
        places, found = look(spark, settings, mapping, version), []
        connection = after_loads(plain, reader, mapping.tables)
        tokens = [token for place in places for token in place.owners.registered]
        before, writes = registry.marks(connection, tokens)
        if version is None and not writes:
            _check_ended(places, before)
        for place in places:
            stack.callback(clear_scratch, place.path)
            with deciding_values(spark, place.table.timezone):
                found.append(compared(spark, settings, mapping, place, connection, vectors=vectors))
        if all(each.check.is_equal for each in found):
            break
        after, still_writes = registry.marks(connection, tokens)
        moved = writes or still_writes or before != after
        if last or not moved:
            for each in found:
                each.check.moved = moved
            break
    return found


def _check_ended(places: list[Place], marks: list[dict[str, Any]]) -> None:
    """Raise `PreflightError` if the last load of a table was killed, whether or not it recorded a micro-batch."""
    begun = {each["token"] for each in marks if each["loading"]}
    for place in places:
        if place.load and reached.token_of(place.table, place.load) in begun:
            raise reached.unended(place.table)


def _record(spark: SparkSession, settings: LoadSettings, report: VerifyReport) -> None:
    now = dt.datetime.now(dt.UTC)
    rows = [
        (
            each.name, each.source_version, each.mapping_digest, each.checked, sum(each.differences.values()),
            json.dumps(each.as_dict(most=0)), json.dumps(each.digests), now,
        )
        for each in report.tables
    ]  # fmt: skip
    State(settings.state).append_rows(spark, "verifications", rows)
