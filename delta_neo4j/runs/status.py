"""`status`: what a state, its sources and its graph hold now; reads only, and needs no pyspark."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import LoaderError
from delta_neo4j.mapping.file import read_mapping
from delta_neo4j.mapping.identifiers import is_path
from delta_neo4j.settings import build
from delta_neo4j.settings.names import DEFAULTS
from delta_neo4j.source.local_folder import is_local_path
from delta_neo4j.state import history
from delta_neo4j.state.reader import stored_load

if TYPE_CHECKING:
    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.settings.names import Origins
    from delta_neo4j.settings.values import Neo4jSettings
    from delta_neo4j.state.history import Run
    from delta_neo4j.state.reader import Reader

# The state's own tables, in the order in which they are shown.
TABLES = ("runs", "ledger", "dead_letters", "embeddings", "models", "mappings", "waiting_edges", "verifications")
_NO_GRAPH: dict[str, Any] = {"server": None, "uri": None, "database": None, "indexes": []}
_REMEMBERED = 100  # newest runs that are asked for the version that each table has reached


def status(reader: Reader, found: Origins, limit: int) -> dict[str, Any]:
    """
    Return the status as values for JSON (docs/status.md): the newest `limit` runs, and what is there now.

    What cannot be looked at (a mapping, a source, the graph) has its line in `fault`, and the rest is there.
    """
    mapping, fault = _mapping(found)
    with ThreadPoolExecutor(1) as beside:
        asking = beside.submit(_graph, found, mapping, fault)
        remembered = history.runs(reader, max(limit, _REMEMBERED))
        recorded = history.loads(reader)
        loads = _held(found, reader, mapping, recorded)
        # Only a load that is in a checkpoint settles the letters before it; the ledger has loads of frames, too.
        held = {name: load["load_id"] for name, load in loads.items() if load not in recorded}
        shown: dict[str, Any] = {
            "state": reader.location,
            "read_with": reader.how,
            "runs": [_run(run) for run in remembered[:limit]],
            "sources": _sources(reader, mapping, loads, recorded, remembered),
            "mapping_fault": fault,
            "dead_letters": history.open_letters(reader, held),
            "verifications": history.verifications(reader),
            "tables": [asdict(size) for name in TABLES if (size := reader.size(name))],
            "graph": asking.result(),
        }
    _name_models(shown["graph"], reader, remembered)
    return shown


def graph_of(found: Origins) -> dict[str, Any]:
    """Return what `graph.coverage.look` returns, with `fault`: None, or why the graph could not be looked at."""
    mapping, fault = _mapping(found)
    return _graph(found, mapping, fault)


def _mapping(found: Origins) -> tuple[Mapping | None, str | None]:
    """Return the mapping and None, or None and why it cannot be read."""
    try:
        name = str(found["mapping"].value if "mapping" in found else DEFAULTS["mapping"])
        given = build.parse_sources(found["source"].value) if "source" in found else {}
        sources = {table: build.located(found, source) for table, source in given.items()}
        return read_mapping(name, sources, lambda source: build.located(found, source)), None
    except LoaderError as error:
        return None, str(error)


def _graph(found: Origins, mapping: Mapping | None, fault: str | None) -> dict[str, Any]:
    if mapping is None:
        return {**_NO_GRAPH, "fault": fault}
    try:
        return look_at(build.neo4j_settings(found), mapping)
    except LoaderError as error:
        return {**_NO_GRAPH, "fault": str(error)}


def look_at(neo4j: Neo4jSettings, mapping: Mapping) -> dict[str, Any]:
    """Return what `graph_of` returns, of a graph and a mapping."""
    from delta_neo4j.graph import coverage

    try:
        return {**coverage.look(neo4j.connection(), mapping), "fault": None}
    except LoaderError as error:
        return {**_NO_GRAPH, "fault": str(error)}


def _run(run: Run) -> dict[str, Any]:
    summary = run.summary
    totals = summary["totals"]
    return {
        "run_id": run.run_id,
        "status": run.status,
        "started_at": run.started_at.isoformat(sep=" ", timespec="seconds"),
        "seconds": summary["seconds"]["total"],
        "rows_read": totals["rows_read"],
        "written": totals["outcomes"]["written"],
        "dead_lettered": totals["outcomes"]["dead_lettered"],
        "error": summary["error"],
    }


def _held(
    found: Origins, reader: Reader, mapping: Mapping | None, recorded: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """
    Return the load that each table's checkpoint holds; a table without one is left out.

    Where this process cannot look into the checkpoints, the newest load that the ledger has recorded stands for it.
    """
    newest = {load["table_name"]: load for load in recorded}
    if "checkpoint" not in found and not is_path(reader.location):
        return newest
    set_to = str(found["checkpoint"].value) if "checkpoint" in found else f"{reader.location}/checkpoints"
    folder = build.located(found, set_to if "/" in set_to else f"./{set_to}")  # a checkpoint is never a schema
    if "spark_remote" in found or not is_local_path(folder):
        return newest
    loads = {}
    for table in mapping.tables if mapping else ():
        try:
            stored = stored_load(f"{folder}/{table.name}")
        except ValueError:
            stored = None
        if stored:
            loads[table.name] = stored
    return loads


def _sources(
    reader: Reader,
    mapping: Mapping | None,
    loads: dict[str, dict[str, Any]],
    recorded: list[dict[str, Any]],
    runs: list[Run],
) -> list[dict[str, Any]]:
    rows_read = {load["load_id"]: load["rows_read"] for load in recorded}
    rows = []
    for table in mapping.tables if mapping else ():
        load = loads.get(table.name, {})
        shown = {
            "table": table.name,
            "source": table.source,
            "source_mode": load.get("source_mode"),
            "load_id": load.get("load_id"),
            "version": None,
            "loaded_version": _reached(runs, load.get("load_id")),
            "rows": None,
            "rows_pending": None,
            "fault": None,
        }
        try:
            extent = reader.extent(table.source)
        except LoaderError as error:
            shown["fault"] = str(error)
        else:
            shown |= {"version": extent.version, "rows": extent.rows}
            shown["rows_pending"] = _pending(shown, rows_read.get(load.get("load_id"), 0))
        rows.append(shown)
    return rows


def _pending(shown: dict[str, Any], recorded: int) -> int | None:
    """
    Return the rows that the next load will read, None if their number is not known.

    A table that only grows has as many as it has more rows than its load has read. How many rows a change feed has
    since a version is known only to who reads it (`plan`).
    """
    if shown["version"] == shown["loaded_version"]:
        return 0
    if shown["load_id"] is None:
        return int(shown["rows"])
    return max(0, shown["rows"] - recorded) if shown["source_mode"] == "append" else None


def _reached(runs: list[Run], load_id: str | None) -> int | None:
    """Return the source version up to which a load has read every row, as its newest run without an error says."""
    for run in runs:
        for table in run.summary["tables"]:
            if load_id and table["load_id"] == load_id and table["error"] is None:
                version: int | None = table["source_version"]
                return version
    return None


def _name_models(shown: dict[str, Any], reader: Reader, runs: list[Run]) -> None:
    """Write the model that made the vectors into each vector index: the one of the newest run that knew it."""
    model_ids = (run.summary["embedding"]["model_id"] for run in runs)
    model_id = next(filter(None, model_ids), None)
    names = history.model_names(reader) if shown["indexes"] else {}
    for index in shown["indexes"]:
        if index["kind"] == "vector":
            index["model"] = names.get(model_id, model_id) if model_id else None
