"""What the state tables say of runs, micro-batches and dead letters, for the commands that only look."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import SettingsError
from delta_neo4j.state.open_letters import CLOSED, COUNTED, OPEN

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from delta_neo4j.state.reader import Reader

_RUNS = "SELECT run_id, status, summary, settings, started_at, ended_at FROM {runs}"
EXAMPLES = 3  # dead letters that are shown of each reason


@dataclass(frozen=True)
class Run:
    """One row of the table `runs`: `summary` and `settings` are parsed."""

    run_id: str
    status: str
    summary: dict[str, Any]
    settings: dict[str, Any]
    started_at: dt.datetime
    ended_at: dt.datetime | None


def runs(reader: Reader, limit: int) -> list[Run]:
    """Return the newest `limit` runs, newest first."""
    return [_run(row) for row in reader.rows(f"{_RUNS} ORDER BY started_at DESC LIMIT {limit}")]


def run(reader: Reader, run_id: str | None) -> Run:
    """Return a run by its id, or the newest one for None; raise `SettingsError` if the state does not have it."""
    if run_id is None:
        found = runs(reader, 1)
    else:
        found = [_run(row) for row in reader.rows(f"{_RUNS} WHERE run_id = '{_id(run_id)}'")]
    if not found:
        what = "no runs" if run_id is None else f"no run {run_id}"
        raise SettingsError(
            f"the state {reader.location} has {what}; delta-neo4j status lists the runs (a run that failed "
            "before it began a table is not kept)"
        )
    return found[0]


def batches(reader: Reader, run_id: str) -> list[dict[str, Any]]:
    """Return the ledger rows of a run's micro-batches in the order of their recording, JSON columns parsed."""
    rows = reader.rows(
        "SELECT table_name, load_id, batch_id, rows_read, outcomes, embedding, seconds, recorded_at FROM {ledger} "
        f"WHERE run_id = '{_id(run_id)}' AND batch_id >= 0 ORDER BY recorded_at, batch_id"
    )
    parsed = ("outcomes", "embedding", "seconds")
    return [{**row, **{name: json.loads(row[name]) for name in parsed}} for row in rows]


def letters_of_run(reader: Reader, run_id: str) -> list[dict[str, Any]]:
    """
    Return the dead letters of a run by table, stage and reason class, most frequent first.

    Each has `letters` (their number), `at_fault` and `examples`: up to three of (row_key, reason, row).
    """
    of_run = f"FROM {COUNTED} WHERE done.run_id = '{_id(run_id)}' AND letter.reason_class <> '{CLOSED}'"
    group = "letter.table_name, letter.stage, letter.reason_class"
    groups = reader.rows(f"SELECT {group}, count(*) AS letters {of_run} GROUP BY {group}")
    examples = reader.rows(
        "SELECT table_name, stage, reason_class, row_key, reason, example FROM "
        f"(SELECT {group}, letter.row_key, letter.reason, letter.row AS example, row_number() OVER (PARTITION BY "
        f"{group} ORDER BY letter.batch_id, letter.row_key) AS place {of_run}) AS numbered WHERE place <= {EXAMPLES}"
    )
    for each in groups:
        each["at_fault"] = at_fault(each["stage"], each["reason_class"])
        each["examples"] = [
            {"row_key": one["row_key"], "reason": one["reason"], "row": one["example"]}
            for one in examples
            if all(one[name] == each[name] for name in ("table_name", "stage", "reason_class"))
        ]
    return sorted(groups, key=lambda each: (-each["letters"], each["table_name"], each["reason_class"]))


def open_letters(reader: Reader, held: dict[str, str]) -> list[dict[str, Any]]:
    """
    Return the open dead letters by who is at fault, table, stage and reason class, most frequent first.

    Open are those of the load that a table's checkpoint holds (`held`: load ids by table) and of later ones, less those
    that a later micro-batch has settled (`state.open_letters`): a new checkpoint reads every row again, so the letters
    before it are settled. Of other tables all loads count.
    """
    group = "table_name, load_id, stage, reason_class"
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in reader.rows(
        f"SELECT {group}, count(*) AS letters, min(reason) AS example FROM ({OPEN}) AS open GROUP BY {group}"
    ):
        if row["load_id"] < held.get(row["table_name"], ""):
            continue
        place = (row["table_name"], row["stage"], row["reason_class"])
        names = dict(zip(("table_name", "stage", "reason_class"), place, strict=True))
        each = found.setdefault(
            place, {"at_fault": at_fault(*place[1:]), **names, "letters": 0, "example": row["example"]}
        )
        each["letters"] += row["letters"]
    return sorted(found.values(), key=lambda each: (-each["letters"], each["table_name"], each["reason_class"]))


def loads(reader: Reader) -> list[dict[str, Any]]:
    """Return the loads that the ledger has recorded, oldest first: table_name, load_id, source_mode, rows_read."""
    return reader.rows(
        "SELECT table_name, load_id, max(source_mode) AS source_mode, sum(CASE WHEN batch_id >= 0 THEN rows_read "
        "ELSE 0 END) AS rows_read FROM {ledger} GROUP BY table_name, load_id ORDER BY load_id"
    )


def bookmarks(reader: Reader, tables: Iterable[str]) -> set[str]:
    """Return Neo4j's bookmarks of the newest ledger row of each of some tables; a release before them left none."""
    place = "row_number() OVER (PARTITION BY table_name ORDER BY recorded_at DESC) AS place"
    numbered = f"SELECT table_name, bookmarks, {place} FROM {{ledger}}"
    newest = reader.rows(f"SELECT table_name, bookmarks FROM ({numbered}) AS numbered WHERE place = 1")
    wanted = set(tables)
    of_tables = [row for row in newest if row["table_name"] in wanted]
    return {each for row in of_tables for each in json.loads(row["bookmarks"] or "[]")}


def model_names(reader: Reader) -> dict[str, str]:
    """Return the names of the models that the state knows, by model id."""
    return {row["model_id"]: row["name"] for row in reader.rows("SELECT model_id, name FROM {models}")}


def verifications(reader: Reader) -> list[dict[str, Any]]:
    """Return the newest comparison of each table with the graph, from the state table `verifications`."""
    rows = reader.rows("SELECT table_name, recorded_at, source_version, checked, differences FROM {verifications}")
    return list({row["table_name"]: row for row in sorted(rows, key=lambda row: row["recorded_at"])}.values())


def at_fault(stage: str, reason_class: str) -> str:
    """Return who is at fault for a dead letter: `row`, `endpoint` (of the model) or `graph`."""
    if stage == "embedding":
        return "endpoint"
    return "graph" if reason_class.startswith("Neo.") else "row"


def _run(row: dict[str, Any]) -> Run:
    parsed = {name: json.loads(row[name]) for name in ("summary", "settings")}
    return Run(**{**row, **parsed})


def _id(run_id: str) -> str:
    if not re.fullmatch(r"[\w-]{1,64}", run_id):
        raise SettingsError(f"{run_id[:64]!r} is no id of a run; delta-neo4j status lists the runs")
    return run_id
