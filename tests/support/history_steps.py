"""Histories replayed without streams: the step of each table is called with the changes of a micro-batch."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import replace

from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.pipeline.loader import BatchLoader
from delta_neo4j.pipeline.step import no_hook
from delta_neo4j.runs import steps
from delta_neo4j.runs.preflight import check
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.runs.report.summary import TableRun
from delta_neo4j.runs.sweep import TableRead
from delta_neo4j.runs.waiting import write_waiting
from delta_neo4j.source import change_feed
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.state.tables import State
from tests.support.histories import COLUMNS
from tests.support.history_runs import KilledError, World, killing


class StepWorld(World):
    """
    A world whose loads call the step: in source mode `cdf`, without preflight, streams, registry and sweeps.

    A reset begins a new load: it reads the changes to the end, and then the newest version of the table once more.
    """

    loaders = None

    def _load(self, step, mode):
        if self.loaders is None or self.tables.columns != self.known:
            self._begin()
        hook = killing(*step.kill) if step.kill else no_hook
        versions = self.tables.versions()
        for name in COLUMNS:
            for frame in self._frames(name, versions[name], step):
                self._micro_batch(name, frame, versions[name], hook)
        if step.reset:
            self._begin()
            for name in COLUMNS:
                self._micro_batch(name, self._whole(name, versions[name]), versions[name], no_hook)
        write_waiting(self.spark, [self._read(name, version) for name, version in versions.items()])

    def _read(self, name, version):
        """Give a table that was read up to a version, as the end of a load takes it."""
        step = self.loaders[name].step
        return TableRead(step, TableRun(name, step.load.load_id, change_feed.CDF, version), None, "")

    def _begin(self):
        """Make the steps of a new load: the first one, after a reset, or because the columns have changed."""
        settings = self.runs.settings(allow_deletes=10_000)
        mapping, state = read_mapping(settings.mapping, settings.sources, settings.located), State(settings.state)
        ready = prepare(self.spark, mapping, settings, state, check(self.spark, mapping, settings, state))
        self.loaders, self.batches = {}, dict.fromkeys(COLUMNS, 0)
        self.known = dict(self.tables.columns)
        for table in mapping.tables:
            step = steps.fresh_step(
                self.spark,
                settings,
                table,
                ready,
                mapping.tables,
                run_id=uuid.uuid4().hex[:12],
                budget=settings.budget(time.time()),
                mode=change_feed.CDF,
            )
            self.loaders[table.name] = BatchLoader(replace(step, allow_deletes=10_000, keeps_waiting=True))

    def _frames(self, name, version, step):
        """Give the changes up to a version, micro-batch by micro-batch; if small, a commit may come in two parts."""
        first = self.reached[name] + 1
        if first == 0:
            return [self._whole(name, version)]
        if first > version:
            return []
        if not step.small:
            return [self._changes(name, first, version)]
        commits = [self._changes(name, number, number) for number in range(first, version + 1)]
        goes = F.col("_change_type") == "delete"
        return [part for rows in commits for part in (rows.where(~goes), rows.where(goes))]

    def _changes(self, name, first, last):
        reader = self.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", first)
        return reader.option("endingVersion", last).load(self.tables.path(name))

    def _whole(self, name, version):
        rows = self.spark.read.format("delta").option("versionAsOf", version).load(self.tables.path(name))
        kind = {"_change_type": F.lit("insert"), "_commit_version": F.lit(version).cast("bigint")}
        return rows.withColumns(kind)

    def _micro_batch(self, name, frame, version, hook):
        loader, number = self.loaders[name], self.batches[name]
        with deciding_values(self.spark, loader.step.table.timezone):
            rows = change_feed.of_frame(loader.step.table, frame)
            for each in (hook, no_hook) if hook is not no_hook else (no_hook,):
                loader.step = replace(loader.step, source_version=version, hook=each)
                with suppress(KilledError):
                    loader(rows, number)
        self.batches[name] += 1

    def _processed(self):
        return False
