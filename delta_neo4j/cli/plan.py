"""The command `plan`."""

from __future__ import annotations

import sys
from typing import Any

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import ORIGIN_OPTIONS, OUTPUT_OPTIONS, STREAM_OPTIONS, collected, options
from delta_neo4j.cli.run import log_width
from delta_neo4j.settings import build


@click.command("plan")
@options(*STREAM_OPTIONS, "price_per_hour")
@click.option(
    "--reset-checkpoint", is_flag=True,
    help="Forecast of a load with a new checkpoint; resets nothing (default resume).",
)  # fmt: skip
@options(*ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def plan_command(
    context: click.Context,
    /,
    *,
    as_json: bool,
    debug: bool,  # noqa: ARG001  # main reads --debug
    reset_checkpoint: bool,
    **flags: Any,
) -> None:
    """
    Forecast the rows, texts, time and cost of a load.

    Calls the model once, with at most 128 texts, and writes nothing to the graph or the state.
    """
    settings = build.stream_settings(collected(context, flags))
    spark = session.spark_session()
    from delta_neo4j.runs.error_translation import translating_spark_errors
    from delta_neo4j.runs.plan import forecast

    with translating_spark_errors():
        found = forecast.forecast(spark, settings, fresh=reset_checkpoint)
    if as_json:
        click.echo(forecast.as_json(found))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for line in forecast.lines(found):
        table.add_row(*line)
    Console(width=log_width(sys.stdout.isatty())).print(table)
