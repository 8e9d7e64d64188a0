"""The command `status`: a state, its sources and its graph on one screen; or the settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli.options import BUDGET_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, STREAM_OPTIONS, collected, options
from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import build, shown

if TYPE_CHECKING:
    from delta_neo4j.settings.names import Origins


@click.command("status")
@click.option(
    "--settings",
    "only_settings",
    is_flag=True,
    help="The settings of a load, each with its value and origin (default what the state and the graph hold).",
)
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 1000), help="Number of runs.")
@options(*STREAM_OPTIONS, *BUDGET_OPTIONS, "price_per_hour", *ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def status_command(
    context: click.Context,
    /,
    *,
    only_settings: bool,
    limit: int,
    as_json: bool,
    debug: bool,  # noqa: ARG001  # main reads --debug
    **flags: Any,
) -> None:
    """
    Show runs, pending rows, faults, indexes and sizes.

    Or, with --settings, all settings. A state in a folder is read with the package deltalake, without Spark; another
    one with Spark. A run that failed before it began a table is not among the runs.
    """
    found = collected(context, flags)
    if only_settings:
        _show_settings(found, as_json=as_json)
        return
    from delta_neo4j.cli import status_lines
    from delta_neo4j.cli.state import looked_at
    from delta_neo4j.runs.status import status

    held = looked_at(build.state_location(found), lambda reader: status(reader, found, limit))
    click.echo(json.dumps(held, default=str) if as_json else "\n".join(status_lines.lines(held)))


def _show_settings(found: Origins, *, as_json: bool) -> None:
    rows, fault = shown.settings(found), None
    try:
        build.load_settings(found)
    except SettingsError as error:
        fault = str(error)
    if as_json:
        click.echo(json.dumps({"settings": rows, "secret_scope": found.scope, "fault": fault}))
        return
    for row in rows:
        value = "-" if row["value"] is None else row["value"]
        click.echo(f"{row['setting']:<17} {row['variable']:<27} {value!s:<40} {row['source']}")
    if fault:
        click.echo(f"a load would stop: {fault}")
