"""
The functions for notebooks: `from delta_neo4j import load, upsert, delete, search`.

Each function takes a mapping (a file, or the name of a shipped mapping) and settings: a `LoadSettings`, a dictionary of
flag names (`{"state": …, "embedder": …}`), or None for the settings of the environment. `load`, `upsert` and `delete`
return a `RunReport`, also if the run failed: `report.error` is the error or None, `report.summary()` has the outcomes
of the rows. `search` returns the rows that it found. Wrong settings raise `SettingsError`.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import build, collect
from delta_neo4j.settings.names import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame

    from delta_neo4j.runs.report.summary import RunReport
    from delta_neo4j.runs.search import SearchSettings
    from delta_neo4j.settings.values import LoadSettings

    Settings = LoadSettings | dict[str, Any] | None

_SWITCHES = ("reset_checkpoint", "keep_going", "take_over")
_NAMES = {*(setting.name for setting in SETTINGS), *_SWITCHES, "allow_deletes", "env_file", "secret_scope"}


def load(
    source: str | DataFrame | dict[str, str] | None = None, mapping: str | None = None, settings: Settings = None
) -> RunReport:
    """
    Load the new rows of Delta tables, or all rows of a frame.

    `source` is the name or path of a table, a dictionary of sources by table name of the mapping, a frame (loaded
    without a stream), or None for the sources in the mapping.
    """
    from delta_neo4j.runs import load as run
    from delta_neo4j.runs.report.progress import in_notebook

    source = _as_text(source)
    if source is not None and not isinstance(source, (str, dict)):
        if not hasattr(source, "sparkSession"):
            raise SettingsError(f"source: {source!r} is no table, no dictionary of tables and no frame")
        return upsert(source, mapping, settings)
    sources = {"": source} if isinstance(source, str) else source
    chosen = _settings(settings, mapping, **({"sources": sources} if sources else {}))
    with in_notebook():
        return run.load(_session(), chosen)


def upsert(
    rows: DataFrame, mapping: str | None = None, settings: Settings = None, *, table: str | None = None
) -> RunReport:
    """Load the rows of a frame without a stream; `table` names their table if the mapping has several."""
    from delta_neo4j.runs import upsert as run

    return run.upsert(rows.sparkSession, _settings(settings, mapping), rows, table)


def delete(keys: Any, mapping: str | None = None, settings: Settings = None, *, table: str | None = None) -> RunReport:
    """
    Delete from the graph what the rows with these keys wrote.

    `keys` is a frame with the mapping's key columns, or a list of keys; `table` is as in `upsert`.
    """
    from delta_neo4j.runs import upsert as run

    return run.delete(_session(), _settings(settings, mapping), keys, table)


def search(
    query: str = "",
    k: int = 10,
    *,
    mode: str = "vector",
    where: str | Iterable[str] = (),
    threshold: float | None = None,
    similar_to: str | Iterable[str] = (),
    expand: bool = False,
    lucene: bool = False,
    table: str = "",
    mapping: str | None = None,
    settings: Settings = None,
) -> list[dict[str, Any]]:
    """
    Return the `k` rows of the graph that answer a query best, best first; needs no Spark.

    Each is a dictionary: key (a tuple), labels, score (0-1), properties, text (the text that was found), and with
    `expand` neighbours. `mode` is vector, text or hybrid; `where` is one condition such as "cost>100", or several;
    `similar_to` is the key of a row instead of the query. The arguments are those of `delta-neo4j search`
    (docs/search.md). Raises `LoaderError` if the graph cannot answer.
    """
    from delta_neo4j.graph.search.question import Question
    from delta_neo4j.runs import search as run

    question = Question(
        text=query,
        similar_to=_texts(similar_to),
        mode=mode,
        where=_texts(where),
        limit=k,
        threshold=threshold,
        expand=expand,
        lucene=lucene,
        table=table,
    )
    return [hit.as_dict() for hit in run.search(_search_settings(settings, mapping), question)]


def _as_text(value: Any) -> Any:
    """Return a path as text, also inside a dictionary; anything else as it is."""
    if isinstance(value, dict):
        return {name: _as_text(each) for name, each in value.items()}
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) and given else tuple(map(str, given))


def _search_settings(given: Settings, mapping: str | None) -> SearchSettings:
    from delta_neo4j.runs.search import SearchSettings, settings_of

    if given is None or isinstance(given, dict):
        flags = _checked(given or {})
        found = collect.collect(flags, env_file=flags.get("env_file"), scope=flags.get("secret_scope"))
        return settings_of(found, mapping)
    return SearchSettings(mapping or given.mapping, given.neo4j, given.embedding, given.state)


def _settings(given: Settings, mapping: str | None, **more: Any) -> LoadSettings:
    if given is None or isinstance(given, dict):
        flags = _checked(given or {})
        switches = {name: flags[name] for name in (*_SWITCHES, "allow_deletes") if name in flags}
        found = collect.collect(flags, env_file=flags.get("env_file"), scope=flags.get("secret_scope"))
        given = build.load_settings(found, **switches)
    changes = {**({"mapping": os.fspath(mapping)} if mapping else {}), **more}
    return type(given).model_validate({**dict(given), **changes}) if changes else given


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """Return settings by name, hyphens as underscores; raise `SettingsError` for an unknown name or a wrong value."""
    flags = {str(name).replace("-", "_"): _as_text(value) for name, value in given.items()}
    unknown = sorted(set(flags) - _NAMES)
    if unknown:
        near = difflib.get_close_matches(unknown[0], _NAMES, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; delta-neo4j status --settings lists them"
        raise SettingsError(f"there is no setting {unknown[0]!r}{hint}")
    for name in _SWITCHES:
        if not isinstance(flags.get(name, False), bool):
            raise SettingsError(f"{name}: {flags[name]!r} is neither True nor False")
    if isinstance(flags.get("source"), dict):
        raise SettingsError(
            "source: pass several sources by name as load's first argument, as in load({'removals': TABLE})"
        )
    return flags


def _session() -> Any:
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is None:
        raise SettingsError(
            "there is no Spark session here: start one with Delta, on this machine with "
            "delta_neo4j.cli.session.local_session()"
        )
    return active
