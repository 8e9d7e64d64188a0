"""What `status` shows: every setting with its value and source, and the last runs of a state."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from delta_neo4j.setting_names import DEFAULT_PROTOCOL, SETTINGS
from delta_neo4j.settings import EmbeddingSettings, LoadSettings, Neo4jSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

    from delta_neo4j.setting_names import Found
    from delta_neo4j.state import State

NOT_SET = "not set"
_DEFAULTS = {"protocol": DEFAULT_PROTOCOL, "checkpoint": "STATE/checkpoints", "source": "the mapping's"}
_ADDRESSES = {"uri", "host", "url", "databricks_host"}
_FIELDS = {"endpoint_wait": "wait_seconds"}  # a setting whose field has another name


def settings(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """Give each setting as `{setting, variable, value, source}`; secrets are stars, an unset one has no value."""
    rows = []
    for setting in SETTINGS:
        hit = found.get(setting.name)
        value, source = (hit.value, hit.origin) if hit else (_default(setting.name), "default")
        if value is None:
            source = NOT_SET
        shown = "***" if setting.secret and value is not None else _shown(value, address=setting.name in _ADDRESSES)
        rows.append({"setting": setting.name, "variable": setting.variables[0], "value": shown, "source": source})
    return rows


def _default(name: str) -> Any:
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    fields = {**Neo4jSettings.model_fields, **EmbeddingSettings.model_fields, **LoadSettings.model_fields}
    field = fields.get(_FIELDS.get(name, name))
    return None if field is None or field.is_required() else field.default


def _shown(value: Any, *, address: bool) -> Any:
    if isinstance(value, tuple):
        return [_shown(item, address=address) for item in value]
    if not isinstance(value, str):
        return value
    # An address may have been given with a password in it, slashes and all, or a token behind its question mark.
    user = r"^(\w[\w+.-]*://)?.*@" if address else r"(://)[^/\s]*@"
    return re.sub(r"(://\S*?)\?.*", r"\1?***", re.sub(user, r"\1***@", value))


def last_runs(spark: SparkSession, state: State, limit: int) -> list[dict[str, Any]]:
    """Give the newest runs that a state has noted, newest first."""
    noted = state.read(spark, "runs").orderBy("started_at", ascending=False).limit(limit).collect()
    return [_run(row["run_id"], row["status"], json.loads(row["summary"]), row["started_at"]) for row in noted]


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
