"""
What notebooks call: `from delta_neo4j import load, upsert, delete`.

Each takes a mapping (a file, or the name of one that ships) and settings: a `LoadSettings`, a dictionary of the names
that flags have (`{"state": …, "embedder": …}`), or None for what the environment says. Each gives a `RunReport`, failed
or not: `report.error` says why, `report.summary()` what became of each row.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from delta_neo4j import config
from delta_neo4j.errors import SettingsError
from delta_neo4j.setting_names import SETTINGS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from delta_neo4j.report import RunReport
    from delta_neo4j.settings import LoadSettings

    Settings = LoadSettings | dict[str, Any] | None

_SWITCHES = ("reset_checkpoint", "keep_going")
_NAMES = {*(setting.name for setting in SETTINGS), *_SWITCHES, "env_file", "secret_scope"}


def load(
    source: str | DataFrame | dict[str, str] | None = None, mapping: str | None = None, settings: Settings = None
) -> RunReport:
    """
    Load what is new in Delta tables, or all rows of a frame.

    `source` is a table's name or path, sources by the mapping's table names, a frame (loaded without a stream), or
    None for those of the mapping.
    """
    from delta_neo4j import frames, loader

    if source is not None and not isinstance(source, (str, dict)):
        found = _settings(settings, mapping)
        return frames.upsert(source.sparkSession, found, source)
    named = {"": source} if isinstance(source, str) else source
    found = _settings(settings, mapping, **({"sources": named} if named else {}))
    return loader.load(_session(), found)


def upsert(
    rows: DataFrame, mapping: str | None = None, settings: Settings = None, *, table: str | None = None
) -> RunReport:
    """Load the rows of a frame as those of one table of the mapping, without a stream."""
    from delta_neo4j import frames

    return frames.upsert(rows.sparkSession, _settings(settings, mapping), rows, table)


def delete(keys: Any, mapping: str | None = None, settings: Settings = None, *, table: str | None = None) -> RunReport:
    """Take away the rows with these keys: a frame with the mapping's key columns, or a list of keys."""
    from delta_neo4j import frames

    return frames.delete(_session(), _settings(settings, mapping), keys, table)


def _settings(given: Settings, mapping: str | None, **more: Any) -> LoadSettings:
    if given is None or isinstance(given, dict):
        told = _told(given or {})
        switches = {name: told[name] for name in _SWITCHES if name in told}
        found = config.collect(told, env_file=told.get("env_file"), scope=told.get("secret_scope"))
        given = config.load_settings(found, **switches)
    changes = {**({"mapping": mapping} if mapping else {}), **more}
    return given.model_copy(update=changes) if changes else given


def _told(given: dict[str, Any]) -> dict[str, Any]:
    """Give settings by the names that flags have, with hyphens or underscores; refuse what would do nothing."""
    told = {str(name).replace("-", "_"): value for name, value in given.items()}
    strangers = sorted(set(told) - _NAMES)
    if strangers:
        near = difflib.get_close_matches(strangers[0], _NAMES, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; delta-neo4j status --settings lists them"
        raise SettingsError(f"there is no setting {strangers[0]!r}{hint}")
    for name in _SWITCHES:
        if not isinstance(told.get(name, False), bool):
            raise SettingsError(f"{name}: {told[name]!r} is neither True nor False")
    if isinstance(told.get("source"), dict):
        raise SettingsError(
            "source: several sources by name are load's first argument, as in load({'removals': TABLE})"
        )
    return told


def _session() -> Any:
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is None:
        raise SettingsError("there is no Spark session here: start one (a Databricks notebook has one)")
    return active
