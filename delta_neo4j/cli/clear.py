"""The command `clear`."""

from __future__ import annotations

from typing import Any

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import ORIGIN_OPTIONS, collected, options
from delta_neo4j.settings import build


@click.command("clear")
@options("mapping", "source", "state", "checkpoint")
@click.option("--yes", is_flag=True, help="Delete without a question (default ask).")
@click.option("--allow-remote", is_flag=True, help="Delete from a Neo4j on another machine, too (default refuse).")
@options(*ORIGIN_OPTIONS, "debug")
@click.pass_context
def clear_command(context: click.Context, /, *, debug: bool, yes: bool, allow_remote: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """
    Delete from the graph what this mapping's loads wrote.

    Counts the rows and asks first; keeps what others wrote. Removes the checkpoints of the mapping's tables, and what
    the graph's registry says of them, so that the next load reads every row.
    """
    settings = build.load_settings(collected(context, flags))
    settings.neo4j.require_local(allow_remote=allow_remote)
    spark = session.spark_session()
    from delta_neo4j.runs import clear
    from delta_neo4j.runs.error_translation import translating_spark_errors

    with translating_spark_errors():
        found = clear.loaded(spark, settings)
        click.echo(f"{settings.neo4j.uri}, database {settings.neo4j.database}: {', '.join(x.what for x in found)}")
        if not yes:
            click.confirm("Delete them, and remove the checkpoints of these tables?", abort=True)
        click.echo("\n".join(clear.clear(spark, settings, found)))
