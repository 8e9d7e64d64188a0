"""The command `retry-dead-letters`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli.options import EMBEDDER_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, collected, options
from delta_neo4j.cli.run import run
from delta_neo4j.settings import build

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.cli.run import Work
    from delta_neo4j.runs.report.summary import RunReport


@click.command("retry-dead-letters")
@options("mapping", "source", "state", "checkpoint")
@click.option("--table", metavar="NAME", help="Only dead letters of this table of the mapping (default all).")
@click.option("--reason", metavar="CLASS", help="Only those of this reason class, such as type_mismatch (default all).")
@click.option(
    "--key", metavar="KEY", help="Only the row with this key; several columns: a JSON array of texts (default all)."
)
@options("write_partitions", "batch_size", *EMBEDDER_OPTIONS, *ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def retry_command(
    context: click.Context,
    /,
    *,
    table: str | None,
    reason: str | None,
    key: str | None,
    as_json: bool,
    debug: bool,
    **flags: Any,
) -> None:
    """
    Load the rows of open dead letters again.

    The rows are taken as the tables have them at the version that the load has reached (a view: now). A row that is
    loaded, or gone from its table, closes its letter; a row that still cannot be loaded is a letter again. `status`
    lists the open ones.
    """

    def prepare() -> Work:
        settings = build.load_settings(collected(context, flags))

        def work(spark: SparkSession, startup_seconds: float) -> RunReport:
            from delta_neo4j.runs.retry_letters import Chosen, retry

            return retry(spark, settings, Chosen(table, reason, key), startup_seconds)

        return work

    context.exit(run("retry-dead-letters", prepare, as_json=as_json, debug=debug).exit_code)
