"""The command `maintain`."""

from __future__ import annotations

from typing import Any

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import ORIGIN_OPTIONS, collected, options
from delta_neo4j.settings import build


@click.command("maintain")
@options("state", *ORIGIN_OPTIONS, "debug")
@click.pass_context
def maintain_command(context: click.Context, /, *, debug: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """
    Merge the small files of the state tables.

    Of those that every load appends to. Also drops duplicates from the embedding cache. Loads may run at the same time.
    """
    state = build.state_location(collected(context, flags))
    spark = session.spark_session()
    from delta_neo4j.runs import maintain
    from delta_neo4j.runs.error_translation import translating_spark_errors

    with translating_spark_errors():
        for line in maintain.maintain(spark, state):
            click.echo(line)
