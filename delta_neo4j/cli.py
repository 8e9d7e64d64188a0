"""
The console command. With `config`, the only module that knows argv, the environment and what a terminal is.

`--help` needs neither pyspark nor a server: everything heavy is imported by the command that uses it.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
import time
import traceback
import uuid
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from delta_neo4j import __version__, cli_status, cli_upkeep, config
from delta_neo4j.errors import LoaderError, SettingsError
from delta_neo4j.mapping_commands import mapping_group
from delta_neo4j.options import BUDGET_OPTIONS, TEXT_OPTIONS, options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.report import RunReport
    from delta_neo4j.setting_names import Origins

    Work = Callable[[SparkSession, float], RunReport]

UNEXPECTED = 1


@click.group()
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context) -> None:
    """Keep a Neo4j graph, with a vector on what has text, equal to a Delta table."""
    context.meta["spark_session"] = spark_session  # what the commands of other modules start Spark with


@cli.command("load")
@options("source_mode", "batch_size", "bytes_per_row", *TEXT_OPTIONS, *BUDGET_OPTIONS)
@click.option("--reset-checkpoint", is_flag=True, help="Start fresh: read every row again, write what differs.")
@click.option("--keep-going", is_flag=True, help="At a table that fails: load the others, then fail.")
@click.pass_context
def load_command(
    context: click.Context, /, *, as_json: bool, debug: bool, reset_checkpoint: bool, keep_going: bool, **flags: Any
) -> None:
    """Load what is new in the Delta tables into Neo4j, account for every row, and stop."""

    def work() -> Work:
        found = _collect(flags, _defaults(context))
        settings = config.load_settings(found, reset_checkpoint=reset_checkpoint, keep_going=keep_going)

        def load(spark: SparkSession, startup_seconds: float) -> RunReport:
            from delta_neo4j.loader import load

            return load(spark, settings, startup_seconds=startup_seconds)

        return load

    context.exit(run("load", work, as_json=as_json, debug=debug).exit_code)


@cli.command("embed")
@options(*TEXT_OPTIONS, *BUDGET_OPTIONS)
@click.pass_context
def embed_command(context: click.Context, /, *, as_json: bool, debug: bool, **flags: Any) -> None:
    """Embed what the cache lacks of the tables' texts, without touching Neo4j."""

    def work() -> Work:
        settings = config.text_settings(_collect(flags, _defaults(context)))

        def embed(spark: SparkSession, startup_seconds: float) -> RunReport:
            from delta_neo4j.embed import embed

            return embed(spark, settings, startup_seconds=startup_seconds)

        return embed

    context.exit(run("embed", work, as_json=as_json, debug=debug).exit_code)


@cli.command("plan")
@options("source_mode", "batch_size", "bytes_per_row", *TEXT_OPTIONS)
@click.option("--reset-checkpoint", is_flag=True, help="Plan for a load that starts fresh; nothing is reset.")
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
    """Say what a load would read, embed, take and cost; asks the model once and writes nothing."""
    settings = config.stream_settings(_collect(flags, _defaults(context)))
    spark = spark_session()
    from delta_neo4j import forecast
    from delta_neo4j.runs import told

    with told():
        found = forecast.forecast(spark, settings, fresh=reset_checkpoint)
    if as_json:
        click.echo(forecast.as_json(found))
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for line in forecast.lines(found):
        table.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _defaults(context: click.Context) -> dict[str, Any]:
    found: dict[str, Any] = (context.obj or {}).get("defaults", {})
    return found


def run(command: str, work: Callable[[], Work], *, as_json: bool, debug: bool) -> RunReport:
    """Find the settings (`work`), do the work in a session, and show its summary: on failure too."""
    from delta_neo4j.report import RunReport, page

    # A log has no width of its own; eighty columns would break the lines of the summary.
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    began = time.monotonic()
    try:
        do = work()
        with ExitStack() as stack:
            _show_progress(console, stack)
            spark = spark_session()
            report = do(spark, time.monotonic() - began)
    except Exception as error:  # noqa: BLE001  # whatever it is, the summary says so; --debug shows the trace
        report = RunReport(uuid.uuid4().hex[:12], dt.datetime.now(dt.UTC), command)
        report.fail(_as_loader_error(error))
    console.print(page(report), soft_wrap=True)
    if report.error and debug:
        traceback.print_exception(report.error)
    if as_json:
        sys.stdout.write(json.dumps(report.summary()) + "\n")
        sys.stdout.flush()
    return report


def _as_loader_error(error: Exception) -> LoaderError:
    if isinstance(error, LoaderError):
        return error
    told = LoaderError(
        f"unexpected: {type(error).__name__}: {' '.join(str(error).split())[:400]}; --debug shows the trace"
    )
    told.__cause__ = error
    return told


@cli.command("search")
@click.argument("text")
@options("mapping", "embedder", "endpoint", "endpoint_wait", "secret_scope", "env_file", "json", "debug")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 1000), help="How many answers.")
def search_command(text: str, *, limit: int, as_json: bool, debug: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """Find the nodes nearest in meaning to TEXT."""
    from delta_neo4j import search
    from delta_neo4j.embedding import choose
    from delta_neo4j.mapping import read_mapping

    found = _collect(flags, {})
    graph = read_mapping(found["mapping"].value if "mapping" in found else "removals")
    table, embedding = search.searchable(graph)
    settings = config.embedding_settings(found)
    if not choose.has_text(graph, settings):
        raise SettingsError("the mapping has ready vectors, so there is no model to embed a search text with")
    embedder, _ = choose.first_usable(settings, 1, None, lambda _: None)
    connection = config.neo4j_settings(found).connection()
    vector = search.embed_query(embedder, text, embedding.index.dimension)  # type: ignore[arg-type]
    # Several nodes may carry the same words; a person wants different answers.
    hits = search.nearest(connection, table, vector, limit if as_json else limit * 10)
    if as_json:
        click.echo(json.dumps([asdict(hit) for hit in hits], default=str))
    else:
        click.echo("\n".join(search.lines(table, hits, limit)))


for _command in (cli_status.command, cli_upkeep.maintain_command, cli_upkeep.clear_command, mapping_group):
    cli.add_command(_command)


def _collect(flags: Mapping[str, Any], defaults: Mapping[str, Any]) -> Origins:
    return config.collect(flags, env_file=flags.get("env_file"), scope=flags.get("secret_scope"), defaults=defaults)


def _show_progress(console: Console, stack: ExitStack) -> None:
    from delta_neo4j.progress import LiveProgress, PlainLines

    logger = logging.getLogger("delta_neo4j")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler: logging.Handler
    if console.is_terminal:
        handler = stack.enter_context(LiveProgress(console))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(PlainLines())
    logger.addHandler(handler)
    stack.callback(logger.removeHandler, handler)


def spark_session() -> SparkSession:
    """Give the session of this notebook or cluster, or start one on this machine with Delta."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SettingsError(
            "pyspark is missing; install it with pip install 'delta-neo4j[spark]' (Databricks brings its own)"
        ) from error
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if "DATABRICKS_RUNTIME_VERSION" in os.environ or "SPARK_REMOTE" in os.environ:
        return SparkSession.builder.getOrCreate()
    return local_session()


def local_session(**options: str) -> SparkSession:
    """Start Spark with Delta on this machine; `options` are Spark settings."""
    from delta_neo4j import local_spark

    return local_spark.start(os.environ, **options)


def batch_function(defaults: Mapping[str, Any]) -> Callable[[DataFrame, int], None]:
    """Give the `foreachBatch` function for the settings of this process."""
    from delta_neo4j import loader

    return loader.batch_function(spark_session(), config.load_settings(_collect({}, defaults)))


def main(arguments: list[str] | None = None, defaults: Mapping[str, Any] | None = None) -> None:
    """Run the command; returns on success, ends the process with the documented exit code otherwise."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        obj = {"defaults": defaults or {}, "spark": spark_session}
        code = cli.main(given, prog_name="delta-neo4j", standalone_mode=False, obj=obj)
    except click.ClickException as error:
        error.show()
        code = SettingsError.exit_code
    except click.Abort:
        code = UNEXPECTED
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told in one line; --debug shows the trace
        if "--debug" in given:
            traceback.print_exception(error)
        told = _as_loader_error(error)
        click.echo(f"delta-neo4j: {told}", err=True)
        code = told.exit_code
    if code:
        # A job that returned is a job that succeeded; only failure may end the process.
        raise SystemExit(code)
