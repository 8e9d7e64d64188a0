"""The command `search`; it needs no Spark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli.options import EMBEDDER_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, collected, options
from delta_neo4j.cli.plain_lines import warnings_shown
from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from delta_neo4j.graph.search.question import Question
    from delta_neo4j.runs.search import SearchSettings

# Several rows may have the same text. To print N distinct texts, read N times this many rows.
_ROWS_PER_TEXT = 10
_MOST = 1_000  # texts


@click.command("search")
@click.argument("text", default="")
@options("mapping", "state", *EMBEDDER_OPTIONS)
@click.option(
    "--mode",
    default="vector",
    show_default=True,
    type=click.Choice(["vector", "text", "hybrid"]),
    help="What is compared: meanings, words, or both.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Condition on a property of the rows, as in 'cost>100', with = != < <= > >= or in; repeatable (default none).",
)
@click.option("--limit", default=5, show_default=True, type=int, help="Number of answers.")
@click.option("--threshold", type=float, metavar="SCORE", help="Lowest score of an answer, 0 to 1 (default none).")
@click.option(
    "--similar-to",
    multiple=True,
    metavar="KEY",
    help="Key of the row to compare with, instead of TEXT; once for each column of the key (default none).",
)
@click.option(
    "--expand",
    is_flag=True,
    help="The nodes around each answer, by the mapping's relationships (default the answers alone).",
)
@click.option("--lucene", is_flag=True, help="TEXT is a query in Lucene's syntax (default its words as they stand).")
@click.option(
    "--table", default="", metavar="NAME", help="Table of the mapping (default the first that can be searched)."
)
@click.option(
    "--golden",
    metavar="FILE",
    help="YAML file with questions and keys, to measure recall, instead of TEXT (default none).",
)
@options(*ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def search_command(
    context: click.Context,
    /,
    text: str,
    *,
    mode: str,
    where: tuple[str, ...],
    limit: int,
    threshold: float | None,
    similar_to: tuple[str, ...],
    expand: bool,
    lucene: bool,
    table: str,
    golden: str | None,
    as_json: bool,
    debug: bool,  # noqa: ARG001  # main reads --debug
    **flags: Any,
) -> None:
    """
    Find the rows nearest to TEXT in meaning or words.

    With --json each answer is a row, without it a distinct text. With --golden the exit code is 7 if the recall is
    below that of the file.
    """
    from delta_neo4j.graph.search.question import Question
    from delta_neo4j.runs.search import settings_of

    if not 1 <= limit <= _MOST:
        raise SettingsError(f"--limit {limit:,} is not between 1 and {_MOST:,}")
    settings = settings_of(collected(context, flags))
    asked: dict[str, Any] = {"mode": mode, "where": where, "threshold": threshold, "lucene": lucene, "table": table}
    if golden is not None:
        if text or similar_to or expand:
            raise SettingsError("--golden has its own questions: leave out TEXT, --similar-to and --expand")
        _golden(settings, golden, asked, as_json=as_json)
        return
    rows = limit if as_json else limit * _ROWS_PER_TEXT
    _search(settings, Question(text=text, similar_to=similar_to, limit=rows, expand=expand, **asked), limit, as_json)


def _search(settings: SearchSettings, question: Question, limit: int, as_json: bool) -> None:
    from delta_neo4j.graph.search import hits
    from delta_neo4j.runs.search import search

    with warnings_shown():
        found = search(settings, question)
    if as_json:
        click.echo(json.dumps([hit.as_dict() for hit in found], default=_json_value))
    else:
        click.echo("\n".join(hits.lines(found, limit)), nl=bool(found))
    if not found:
        click.echo(question.unanswered, err=as_json)


def _golden(settings: SearchSettings, file: str, asked: dict[str, Any], *, as_json: bool) -> None:
    from delta_neo4j.runs.golden import measure

    with warnings_shown():
        recall = measure(settings, file, asked)
    click.echo(json.dumps(recall.as_dict(), default=_json_value) if as_json else "\n".join(recall.lines()))
    recall.check()


def _json_value(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
