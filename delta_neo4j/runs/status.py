"""`status`: read the last runs from the state's table `runs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from delta_neo4j.source import grants

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.state.tables import State


def last_runs(spark: SparkSession, state: State, limit: int) -> list[dict[str, Any]]:
    """
    Return the newest `limit` runs, newest first, each as values for JSON.

    Raises `PreflightError` if the state is a schema that cannot be read.
    """
    grants.check_readable(spark, (), state.location)
    rows = state.read(spark, "runs").orderBy("started_at", ascending=False).limit(limit).collect()
    return [_run(row["run_id"], row["status"], json.loads(row["summary"]), row["started_at"]) for row in rows]


def _run(run_id: str, status: str, summary: dict[str, Any], started_at: Any) -> dict[str, Any]:
    totals = summary["totals"]
    return {
        "run_id": run_id,
        "status": status,
        "started_at": started_at.isoformat(sep=" ", timespec="seconds"),
        "seconds": summary["seconds"]["total"],
        "rows_read": totals["rows_read"],
        "written": totals["outcomes"]["written"],
        "dead_lettered": totals["outcomes"]["dead_lettered"],
        "error": summary["error"],
    }
