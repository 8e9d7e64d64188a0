"""The command `load`, and the `foreachBatch` function of the job file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import BUDGET_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, STREAM_OPTIONS, collected, options
from delta_neo4j.cli.run import run
from delta_neo4j.settings import build, collect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.cli.run import Work
    from delta_neo4j.runs.report.summary import RunReport


@click.command("load")
@options(*STREAM_OPTIONS, *BUDGET_OPTIONS, "price_per_hour", "mlflow")
@click.option(
    "--reset-checkpoint", is_flag=True,
    help="A new checkpoint: the run reads every row again, writes those whose hash differs from their node's, and "
    "deletes what the table has no more. It does not look at properties, relationships and vectors; `verify --repair` "
    "does (default resume).",
)  # fmt: skip
@click.option(
    "--keep-going", is_flag=True,
    help="If a table fails, load the other tables, then fail (default stop).",
)  # fmt: skip
@click.option(
    "--allow-deletes", type=click.IntRange(min=0), metavar="N",
    help="Number of nodes, or relationships of an edge list, that the run may delete of each table (default a fifth "
    "or 1,000, whichever is more; never the last one).",
)  # fmt: skip
@click.option(
    "--take-over", is_flag=True,
    help="Load tables that another state has loaded into the graph; that state is refused from then on (default stop).",
)  # fmt: skip
@options(*ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def load_command(
    context: click.Context,
    /,
    *,
    as_json: bool,
    debug: bool,
    reset_checkpoint: bool,
    keep_going: bool,
    allow_deletes: int | None,
    take_over: bool,
    **flags: Any,
) -> None:
    """
    Load the new rows of the Delta tables into Neo4j.

    The run resumes where an earlier run stopped, ends when all rows are read, and reports one outcome for every row.
    """

    def prepare() -> Work:
        found = collected(context, flags)
        switches = {"reset_checkpoint": reset_checkpoint, "keep_going": keep_going, "take_over": take_over}
        settings = build.load_settings(found, **switches, allow_deletes=allow_deletes)

        def work(spark: SparkSession, startup_seconds: float) -> RunReport:
            from delta_neo4j.runs.load import load

            return load(spark, settings, startup_seconds=startup_seconds)

        return work

    context.exit(run("load", prepare, as_json=as_json, debug=debug).exit_code)


def batch_function(defaults: Mapping[str, Any]) -> Callable[[DataFrame, int], None]:
    """Return the job file's `foreachBatch` function; its settings come from this process, then from `defaults`."""
    from delta_neo4j.runs import steps

    return steps.batch_function(session.spark_session(), build.load_settings(collect.collect(defaults=defaults)))
