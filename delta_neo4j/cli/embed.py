"""The command `embed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli.options import BUDGET_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, TEXT_OPTIONS, collected, options
from delta_neo4j.cli.run import run
from delta_neo4j.settings import build

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.cli.run import Work
    from delta_neo4j.runs.report.summary import RunReport


@click.command("embed")
@options(*TEXT_OPTIONS, *BUDGET_OPTIONS, "price_per_hour", *ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def embed_command(context: click.Context, /, *, as_json: bool, debug: bool, **flags: Any) -> None:
    """
    Embed the texts that are not in the cache.

    Needs no Neo4j. A later load reads the vectors from the cache.
    """

    def prepare() -> Work:
        settings = build.text_settings(collected(context, flags))

        def work(spark: SparkSession, startup_seconds: float) -> RunReport:
            from delta_neo4j.runs.embed import embed

            return embed(spark, settings, startup_seconds=startup_seconds)

        return work

    context.exit(run("embed", prepare, as_json=as_json, debug=debug).exit_code)
