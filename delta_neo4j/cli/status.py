"""The command `status`: the last runs of a state, or the settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import BUDGET_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, STREAM_OPTIONS, collected, options
from delta_neo4j.errors import SettingsError
from delta_neo4j.runs import status
from delta_neo4j.settings import build, shown

if TYPE_CHECKING:
    from delta_neo4j.settings.names import Origins


@click.command("status")
@click.option(
    "--settings",
    "only_settings",
    is_flag=True,
    help="The settings of a load, each with its value and origin; starts no Spark (default the last runs).",
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
    Show the last runs of a state, or all settings.

    The last runs are read from the state tables, with Spark. A run that failed in preflight is not among them.
    """
    found = collected(context, flags)
    if only_settings:
        _show_settings(found, as_json=as_json)
        return
    state = build.state_location(found)
    spark = session.spark_session()
    from delta_neo4j.runs.error_translation import translating_spark_errors
    from delta_neo4j.state.tables import State

    with translating_spark_errors():
        runs = status.last_runs(spark, State(state), limit)
    if as_json:
        click.echo(json.dumps({"state": state, "runs": runs}))
        return
    click.echo("\n".join(map(_run_line, runs)) or f"the state {state} has no runs")


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


def _run_line(run: dict[str, Any]) -> str:
    counts = f"{run['rows_read']:,} read, {run['written']:,} written, {run['dead_lettered']:,} dead-lettered"
    line = f"{run['run_id']}  {run['started_at']}  {run['status']:<9}  {counts}  {run['seconds']:.1f} s"
    return line + (f"\n    {run['error']}" if run["error"] else "")
