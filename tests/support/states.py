"""States made of rows, without a load: what `status` and `report` read."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import contextmanager

import deltalake

from delta_neo4j.errors import LoaderError
from delta_neo4j.runs.report.summary import RunReport, TableRun
from delta_neo4j.source.local_folder import STARTED_HERE
from delta_neo4j.state.account import EMBEDDING_TERMS, Account
from delta_neo4j.state.tables import State

BEGAN = dt.datetime(2026, 11, 2, 8, 0, tzinfo=dt.UTC)
LOAD = "1700000000000-aaaaaaaaaaaa"


def account(rows, dead=0):
    """Return the account of a micro-batch, as a load would record it."""
    outcomes = {"written": rows - dead, "unchanged": 0, "superseded": 0, "deleted": 0, "dead_lettered": dead}
    embedding = dict.fromkeys(EMBEDDING_TERMS, 0) | {"texts": rows, "cache_hits": rows // 4}
    embedding |= {"texts_embedded": rows - rows // 4, "calls": rows // 128 + 1}
    seconds = {"read": 0.4, "stage": 0.9, "embed": rows / 900, "write": rows / 2500, "relate": rows / 4000}
    return Account(
        rows_read=rows, outcomes={**outcomes, "without_end": 0}, embedding=embedding, seconds={**seconds, "record": 0.3}
    )


def batch(run_id, number, counted, load_id=LOAD):
    """Return the ledger row of a micro-batch; they follow each other every eight seconds."""
    parts = (counted.outcomes, counted.relationships, counted.embedding, counted.writer, counted.seconds, counted.kinds)
    outcomes, relationships, embedding, writer, seconds, kinds = map(json.dumps, parts)
    return (
        load_id, number, f"attempt-{load_id}-{number}", run_id, "removals", "append", counted.rows_read, outcomes, 0, 0,
        relationships, embedding, writer, seconds, BEGAN + dt.timedelta(seconds=8 * number), kinds,
        None, 0, "[]",
    )  # fmt: skip


def letter(number, stage, reason_class, reason, row="{}", *, load_id=LOAD, key="K1", attempt=None):
    """Return a dead letter of micro-batch `number`; another `attempt` than its own makes it one of a killed attempt."""
    attempt = attempt or f"attempt-{load_id}-{number}"
    return (load_id, number, attempt, "removals", json.dumps([key]), stage, reason_class, reason, row, BEGAN)


def run(run_id, accounts, *, error=None, source_version=0, started=BEGAN, settings="{}"):
    """Return the row of the table `runs` for micro-batches with these accounts."""
    report = RunReport(run_id, started, error=LoaderError(error) if error else None)
    table = TableRun("removals", LOAD, "append", source_version, len(accounts), error)
    for each in accounts:
        table.account.add(each)
    report.tables.append(table)
    report.model_id, report.strategy, report.versions = "m1", "rest", {"delta_neo4j": "0.1.0", "neo4j": "5.26.31"}
    ended = started + dt.timedelta(seconds=8 * len(accounts) + 12)
    report.seconds = {
        "total": (ended - started).total_seconds(),
        "startup": 4.0,
        "preflight": 5.0,
        "stream": 8.0 * len(accounts) + 1,
    }
    return (run_id, report.status, json.dumps(report.summary()), settings, started, ended)


def fill(spark, folder, **rows):
    """Append rows to the tables of a state, by name."""
    for name, data in rows.items():
        State(folder).append_rows(spark, name, data)


def without_an_answer(monkeypatch):
    """Let `deltalake` refuse every table, as one of a newer protocol."""

    def refuse(*_, **__):
        raise deltalake.exceptions.DeltaError("a newer protocol")

    monkeypatch.setattr(deltalake, "DeltaTable", refuse)


@contextmanager
def as_on_a_cluster(spark):
    """Let the state tables be read and written by Spark, as where the state's folder may be another for Python."""
    before = spark.conf.get(STARTED_HERE, "false")
    spark.conf.set(STARTED_HERE, "false")
    try:
        yield
    finally:
        spark.conf.set(STARTED_HERE, before)
