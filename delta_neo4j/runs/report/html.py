"""The report of a stored run as one HTML page that needs nothing beside it: no network, no script, no font."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from delta_neo4j.runs.report import figures
from delta_neo4j.settings.shown import redacted
from delta_neo4j.state import history

if TYPE_CHECKING:
    import datetime as dt

    from delta_neo4j.state.history import Run
    from delta_neo4j.state.reader import Reader

_MOST_LETTERS = 15  # reasons of dead letters with examples; more are counted in one line
_MOST_TABLES = 50
_LONGEST = 1_500  # characters of a value


@dataclass(frozen=True)
class Told:
    """
    What a page tells of a run.

    `batches` and `letters` are those of `state.history`, `graph` is that of `runs.status.graph_of`, and
    `verifications` are the newest of each table.
    """

    run: Run
    batches: list[dict[str, Any]]
    letters: list[dict[str, Any]]
    graph: dict[str, Any]
    verifications: list[dict[str, Any]]


def told(reader: Reader, run_id: str | None, graph: dict[str, Any]) -> Told:
    """Return what a state holds of a run (None: its newest); raise `SettingsError` if it does not have the run."""
    run = history.run(reader, run_id)
    batches, letters = history.batches(reader, run.run_id), history.letters_of_run(reader, run.run_id)
    return Told(run, batches, letters, graph, history.verifications(reader))


def page(of: Told, made_at: dt.datetime) -> str:
    """
    Return the page of a run, made at a moment in UTC.

    The size is bounded, however many micro-batches, dead letters and tables there are. All values are escaped: a row
    may hold HTML.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": _count, "seconds": _seconds, "cut": _cut, "words": _words, "moment": _moment}
    environment.filters |= {"row": _row, "key": _key}
    text = resources.files("delta_neo4j.runs.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text).render(_values(of), made_by=_version(), made_at=made_at)


def _values(of: Told) -> dict[str, Any]:
    run, summary, stages = of.run, of.run.summary, figures.stages(of.run.summary, of.batches)
    return {
        "run": run,
        "summary": summary,
        "command": "load" if "neo4j" in run.settings else "embed",
        "mapping": run.settings.get("mapping"),
        "outcomes": [(name, count) for name, count in summary["totals"]["outcomes"].items() if count],
        "tables": summary["tables"][:_MOST_TABLES],
        "more_tables": len(summary["tables"][_MOST_TABLES:]),
        "curve": figures.curve(of.batches),
        "most_points": figures.MOST_POINTS,
        "size": (figures.WIDTH, figures.HEIGHT),
        "batches": figures.groups(of.batches, figures.MOST_LINES),
        "batch_count": len(of.batches),
        "rate": summary["totals"]["rows_read"] / summary["seconds"]["stream"] if of.batches else None,
        "stages": stages,
        "widest": max((share for _, _, share in stages), default=1.0),
        "letters": of.letters[:_MOST_LETTERS],
        "letter_count": sum(each["letters"] for each in of.letters),
        "more_letters": of.letters[_MOST_LETTERS:],
        "graph": of.graph,
        "verifications": of.verifications,
        "settings": shown_settings(run.settings),
        "versions": summary["versions"],
    }


def shown_settings(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return settings as (name, value), those inside others with their names joined; secrets as stars."""
    rows: list[tuple[str, Any]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            rows += shown_settings(value, f"{prefix}{name}.")
        elif value is not None:
            rows.append((f"{prefix}{name}".rstrip("."), redacted(name, value)))
    return rows


def _version() -> str:
    try:
        return metadata.version("delta-neo4j")
    except metadata.PackageNotFoundError:
        return "source"


def _count(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.1f}"  # noqa: PLR2004  # small rates


def _seconds(value: float) -> str:
    minutes, hours = divmod(round(value), 60), round(value) // 3600
    if value < 60:  # noqa: PLR2004  # a minute
        return f"{value:.1f} s"
    return f"{minutes[0]} min {minutes[1]} s" if not hours else f"{hours} h {minutes[0] % 60} min"


def _cut(value: Any, longest: int = _LONGEST) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


def _row(text: str) -> str:
    """Return a row's JSON with blanks after its commas, where a narrow page breaks the line."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


def _key(text: str) -> str:
    """Return the values of a key, which is stored as a JSON list."""
    try:
        return ", ".join(str(part) for part in json.loads(text))
    except (ValueError, TypeError):
        return text


def _words(name: str) -> str:
    return name.replace("_", "-") if name == "dead_lettered" else name.replace("_", " ")


def _moment(value: dt.datetime | None) -> str:
    return "unknown" if value is None else value.strftime("%Y-%m-%d %H:%M:%S UTC")
