"""Build the step that loads one table: with its checkpoint (resume the load, or begin one), or without a checkpoint."""

from __future__ import annotations

import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from delta_neo4j.embedding.cache import EmbeddingCache
from delta_neo4j.embedding.tokens import tokenizer_text
from delta_neo4j.errors import PreflightError
from delta_neo4j.graph import deletes
from delta_neo4j.graph.bolt.queries import open_queries
from delta_neo4j.graph.cypher import deletes as delete_text
from delta_neo4j.graph.target import Target
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.mapping.leads import leads
from delta_neo4j.pipeline.loader import BatchLoader
from delta_neo4j.pipeline.step import Step, no_hook
from delta_neo4j.runs import registry_check, source_modes
from delta_neo4j.runs.preflight import check
from delta_neo4j.runs.prepare import prepare
from delta_neo4j.runs.run import travel_by_value
from delta_neo4j.settings.limits import LIMITS, Limits
from delta_neo4j.source import append_stream, change_feed, delta, drift
from delta_neo4j.source.change_feed import CDF
from delta_neo4j.source.session_settings import deciding_values
from delta_neo4j.source.snapshot import SNAPSHOT
from delta_neo4j.state import checkpoint
from delta_neo4j.state.ledger import NOTHING_RECORDED, Ledger
from delta_neo4j.state.mappings import FRAME
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.runs.prepare import Ready
    from delta_neo4j.settings.budget import Budget
    from delta_neo4j.settings.values import LoadSettings
    from delta_neo4j.state.mappings import MappingHistory

log = logging.getLogger(__name__)


def make_step(
    spark: SparkSession,
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    mapped: tuple[Table, ...],
    *,
    run_id: str,
    budget: Budget,
    hook: Callable[[str, Any], Any] = no_hook,
    limits: Limits = LIMITS,
) -> Step:
    """
    Build the step that loads `table`, one of the `mapped` tables: resume the load of its checkpoint, or begin one.

    Raises `PreflightError` if checkpoint or graph were begun with another mapping, source table, graph or state.
    """
    state, folder = State(settings.state), checkpoint_folder(settings, table)
    source, history = ready.sources[table.name], ready.histories[table.name]
    table = drift.expanded(table, source.schema)
    kind: dict[str, Any] = {"table_id": source.table_id, "digest": table.digest, "database_id": ready.database_id}
    stored = _held_load(spark, folder, state, table, {**kind, "source_mode": source_modes.wanted(settings, table)})
    mode = stored.source_mode if stored else source_modes.chosen(settings, table, source, mapped)
    held, owes_sweep = stored if mode != SNAPSHOT else None, bool(history.own_tokens(table.source, source.table_id))
    source = replace(source, table_id=source_modes.table_id(table, ready.sources, mode))
    kind |= {"table_id": source.table_id, "source_mode": mode, "owes_sweep": owes_sweep}
    _agree_with_graph(
        settings, table, ready, delta.source_token(table.name, source.table_id, mode), is_new=held is None
    )
    with ThreadPoolExecutor(1) as beside:
        # Recording the mapping is a Delta commit (a second on a cold JVM); read the ledger meanwhile.
        recording = beside.submit(history.note, spark, table, source, mode, ready.database_id)
        position = Ledger(state, held.load_id if held else "", table.name, mode).position(spark)
        load_ = _load_of_run(spark, folder, stored, position.newest_epoch, kind)
        recording.result()
    whole = history.with_retired(table, mapped)
    step = _step(settings, whole, ready, load_, mapped, run_id=run_id, budget=budget, state_id=history.state_id)
    cache = replace(step.cache, few_texts=limits.few_texts)
    deciding: dict[str, Any] = {"source_version": source.version, "allow_deletes": settings.allow_deletes}
    return replace(step, position=position, limits=limits, hook=hook, cache=cache, keeps_waiting=True, **deciding)


def _agree_with_graph(settings: LoadSettings, table: Table, ready: Ready, token: str, *, is_new: bool) -> None:
    """Check that no other state has loaded the table; delete relationships that a new load would not find."""
    history = ready.histories[table.name]
    registry_check.check_state(ready.registry.get(token), history.state_id, take_over=settings.take_over)
    if is_new and history.has_other_key(table, ready.database_id):
        _clear_relationships(settings, table, history)


def _load_of_run(
    spark: SparkSession, folder: str, stored: checkpoint.Load | None, newest_epoch: int, kind: dict[str, Any]
) -> checkpoint.Load:
    """Return the stored load of the checkpoint, resumed, or a new one; each run of a snapshot is a load of its own."""
    if stored is None:
        return checkpoint.begin(spark, folder, newest_epoch, **kind)
    if kind["source_mode"] == SNAPSHOT:
        return checkpoint.mint(newest_epoch, **kind)
    return checkpoint.resumed(stored, newest_epoch)


def _held_load(
    spark: SparkSession, folder: str, state: State, table: Table, wanted: dict[str, Any]
) -> checkpoint.Load | None:
    """Return the load that this run continues, if any; reset a checkpoint whose load is given up."""
    if checkpoint.is_given_up(spark, folder, state, table):
        checkpoint.reset(spark, folder)
    return checkpoint.held_load(spark, folder, **wanted)


def _check_no_relationships(settings: LoadSettings, table: Table, history: MappingHistory) -> None:
    """Raise `PreflightError` if the graph has relationships that the edge list wrote by another key."""
    with open_queries(settings.neo4j.connection(settings.graph_retry_seconds)) as session:
        more = {**deletes.parameters(table), "tokens": history.source_tokens}
        (record,) = session.run(delete_text.count_rows(table), **more)
    if record["rows"]:
        raise PreflightError(
            f"relationships of table {table.name} in the graph ({record['rows']:,}) were loaded with another `key`, by "
            "which these rows do not find them; remove them (delta-neo4j clear), then upsert all rows"
        )


def _clear_relationships(settings: LoadSettings, table: Table, history: MappingHistory) -> None:
    """Delete the relationships that an edge list wrote by another key: this load reads all rows and finds none."""
    connection = settings.neo4j.connection(settings.graph_retry_seconds)
    more = {**deletes.parameters(table), "tokens": history.source_tokens}
    removed = deletes.in_batches(connection, delete_text.clear_rows(table), more)
    reason = "the key of the relationship has changed"
    log.warning("relationships.removed", extra={"table": table.name, "count": removed, "reason": reason})


def _step(
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    load_: checkpoint.Load,
    mapped: tuple[Table, ...],
    *,
    run_id: str,
    budget: Budget,
    state_id: str | None = None,
) -> Step:
    state = State(settings.state)
    return Step(
        table=table,
        load=load_,
        ledger=Ledger(state, load_.load_id, table.name, load_.source_mode),
        cache=EmbeddingCache(state, ready.model_id),
        embedder=ready.embedder if table.has_text else None,
        position=NOTHING_RECORDED,
        target=Target(
            connection=settings.neo4j.connection(settings.graph_retry_seconds),
            runner=ready.runner,
            write_partitions=ready.writers,
            batch_size=settings.batch_size,
            source_token=delta.source_token(table.name, load_.table_id, load_.source_mode),
            run_id=run_id,
        ),
        staging_path=f"{checkpoint_folder(settings, table)}/staging/{run_id}",
        budget=budget,
        tokenizer=tokenizer_text() if table.chunks else None,
        state_id=state_id,
        leads=leads(table, mapped, _tokens(mapped, ready)),
    )


def _tokens(mapped: tuple[Table, ...], ready: Ready) -> dict[str, tuple[str, ...]]:
    """Return the source tokens, each with a colon, of the rows that loads of the tables wrote or may write, by name."""
    found = {}
    for table in mapped:
        source = ready.sources.get(table.name)
        if source and not source.table_id.startswith(FRAME):  # no run reads a frame's rows again
            may_write = (f"{token}:" for token in source_modes.tokens([table], ready.sources))
            wrote = ready.histories[table.name].own_tokens(table.source, source.table_id)
            found[table.name] = tuple(dict.fromkeys([*may_write, *wrote]))
    return found


def checkpoint_folder(settings: LoadSettings, table: Table) -> str:
    """Return the checkpoint folder of a table."""
    return f"{settings.checkpoints}/{table.name}"


def batch_function(spark: SparkSession, settings: LoadSettings) -> Callable[[DataFrame, int], None]:
    """Return a `foreachBatch` function for the mapping's first table, for a stream that the caller starts."""
    travel_by_value()
    mapping, state = read_mapping(settings.mapping, settings.sources, settings.located), State(settings.state)
    table = mapping.tables[0]
    budget = settings.budget(time.time())
    findings = check(spark, mapping, settings, state)
    ready = prepare(spark, mapping, settings, state, findings)
    build = partial(fresh_step, spark, settings, table, ready, mapping.tables, run_id=uuid.uuid4().hex[:12])
    loader = BatchLoader(build(budget=budget))
    of_feed, refused = None, ""
    try:
        of_feed = BatchLoader(build(budget=budget, mode=CDF))
    except PreflightError as error:  # it counts if rows of a feed come
        refused = str(error)

    def process(batch: DataFrame, batch_id: int) -> None:
        is_feed = change_feed.is_feed(batch)
        if is_feed and of_feed is None:
            raise PreflightError(refused)
        of_batch = of_feed if is_feed and of_feed else loader
        # A stream may run for weeks. Each of its micro-batches must be newer than everything written before it.
        of_batch.step = replace(of_batch.step, load=checkpoint.resumed(of_batch.step.load))
        with deciding_values(batch.sparkSession, of_batch.step.table.timezone):
            of_batch(change_feed.of_frame(of_batch.step.table, batch), batch_id)

    return process


def again_step(
    spark: SparkSession,
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    load_: checkpoint.Load,
    *,
    mapped: tuple[Table, ...],
    run_id: str,
) -> Step:
    """
    Build a step that writes rows of the table again, as part of `load_`; its batch id is `AGAIN`.

    `position` is what the ledger has recorded of the load.
    """
    state, mode = State(settings.state), load_.source_mode
    position = Ledger(state, load_.load_id, table.name, mode).position(spark)
    whole = ready.histories[table.name].with_retired(table, mapped)
    again = checkpoint.resumed(load_, position.newest_epoch)
    step = _step(settings, whole, ready, again, mapped, run_id=run_id, budget=settings.budget(time.time()))
    return replace(step, position=position, keeps_waiting=True)


def fresh_step(
    spark: SparkSession,
    settings: LoadSettings,
    table: Table,
    ready: Ready,
    mapped: tuple[Table, ...] | None,
    *,
    run_id: str,
    budget: Budget,
    mode: str = append_stream.APPEND,
) -> Step:
    """
    Build a step without a checkpoint, with a new load that is newer than all other loads.

    Used for frames, and for a stream of the caller: its checkpoint is the caller's, so its batch ids do not match this
    state's ledger. A repeated micro-batch changes nothing. `mapped`: all tables of the mapping, to record the mapping
    in the table `mappings`; None records nothing. `mode`: APPEND, or CDF for rows that are changes of the source table,
    whose deletes are looked up there.
    """
    source, state = ready.sources[table.name], State(settings.state)
    table = drift.expanded(table, source.schema)
    history = ready.histories[table.name]
    newest = Ledger(state, "", table.name, mode).position(spark).newest_epoch
    load_ = checkpoint.mint(newest, table_id=source.table_id, source_mode=mode, digest=table.digest)
    if mapped is not None:
        if history.has_other_key(table, ready.database_id):
            _check_no_relationships(settings, table, history)
        if mode == CDF:
            source_modes.check_feed(source, table, mapped)
        history.note(spark, table, source, mode, ready.database_id)
        table = history.with_retired(table, mapped)
    step = _step(settings, table, ready, load_, mapped or (), run_id=run_id, budget=budget)
    if mode == CDF:  # the guard on deletes, and the version at which they are looked up
        step = replace(step, source_version=source.version, allow_deletes=settings.allow_deletes)
    return step
