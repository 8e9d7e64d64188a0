"""The command `report`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli.options import ORIGIN_OPTIONS, collected, options
from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import build

if TYPE_CHECKING:
    from delta_neo4j.settings.names import Origins
    from delta_neo4j.state.reader import Reader


@click.command("report")
@click.argument("run", default="")
@click.option(
    "--output", "file", metavar="FILE", help="File of the page (default delta-neo4j-RUN.html in this folder)."
)
@options("mapping", "source", "state", "checkpoint", *ORIGIN_OPTIONS, "debug")
@click.pass_context
def report_command(context: click.Context, /, run: str, *, file: str | None, debug: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """
    Write the report of RUN as one HTML page.

    RUN is the id of a run (default the newest run of the state). The page needs no network. Prints the page's file.
    """
    found = collected(context, flags)
    from delta_neo4j.cli.state import looked_at

    run_id, text = looked_at(build.state_location(found), lambda reader: _page(reader, found, run or None))
    path = Path(file or f"delta-neo4j-{run_id}.html")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the page cannot be written to {path}: {error.strerror}; name another --output") from error
    click.echo(str(path))


def _page(reader: Reader, found: Origins, run_id: str | None) -> tuple[str, str]:
    from delta_neo4j.runs.report import html
    from delta_neo4j.runs.status import graph_of

    told = html.told(reader, run_id, graph_of(found))
    return told.run.run_id, html.page(told, dt.datetime.now(dt.UTC))
