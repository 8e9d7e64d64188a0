"""The command `status`; `cli` adds it and hands it the session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j import config, status
from delta_neo4j.errors import SettingsError
from delta_neo4j.options import BUDGET_OPTIONS, TEXT_OPTIONS, options

if TYPE_CHECKING:
    from delta_neo4j.setting_names import Origins


@click.command("status")
@options("source_mode", "batch_size", "bytes_per_row", *TEXT_OPTIONS, *BUDGET_OPTIONS)
@click.option("--settings", "only_settings", is_flag=True, help="Show each setting, its value and where it is from.")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 1000), help="How many runs.")
@click.pass_context
def command(context: click.Context, /, *, only_settings: bool, limit: int, as_json: bool, **flags: Any) -> None:
    """Show the last runs of the state; with --settings, what a run would be told, without starting Spark."""
    flags.pop("debug")  # main reads it
    found = config.collect(flags, env_file=flags["env_file"], scope=flags["secret_scope"])
    if only_settings:
        _show_settings(found, as_json=as_json)
        return
    state = config.state_location(found)
    spark = context.obj["spark"]()
    from delta_neo4j.runs import told
    from delta_neo4j.state import State

    with told():
        runs = status.last_runs(spark, State(state), limit)
    if as_json:
        click.echo(json.dumps({"state": state, "runs": runs}))
        return
    click.echo("\n".join(map(_run_line, runs)) or f"no run is noted in the state {state}")


def _show_settings(found: Origins, *, as_json: bool) -> None:
    rows, fault = status.settings(found), None
    try:
        config.load_settings(found)
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
