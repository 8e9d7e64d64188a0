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

from delta_neo4j import __version__, config
from delta_neo4j.errors import LoaderError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession

    from delta_neo4j.report import RunReport

    Work = Callable[[SparkSession], RunReport]

UNEXPECTED = 1
EMBEDDERS = ("auto", "ai_query", "rest", "in_process", "precomputed")


def _options(*names: str) -> Callable[[Any], Any]:
    known = {
        "mapping": click.option("--mapping", help="Mapping file, or the name of one that ships (removals)."),
        "source": click.option("--source", multiple=True, metavar="[NAME=]TABLE_OR_PATH", help="A Delta table."),
        "source_mode": click.option("--source-mode", type=click.Choice(["auto", "append"]), help="How it is read."),
        "state": click.option("--state", help="Folder of the state tables (default .delta-neo4j)."),
        "checkpoint": click.option("--checkpoint", help="Their folder (default STATE/checkpoints)."),
        "batch_size": click.option("--batch-size", type=int, help="Rows a micro-batch aims at; caps a transaction."),
        "bytes_per_row": click.option("--bytes-per-row", type=int, help="Compressed bytes a row takes in the source."),
        "write_partitions": click.option("--write-partitions", type=int, help="Parallel writers."),
        "embedder": click.option("--embedder", type=click.Choice(EMBEDDERS), help="What embeds."),
        "endpoint": click.option("--endpoint", help="Name of the serving endpoint (default minilm-embedder)."),
        "endpoint_wait": click.option("--endpoint-wait", type=float, help="Seconds a cold one may take (600)."),
        "secret_scope": click.option("--secret-scope", help="Databricks secret scope with the connection."),
        "env_file": click.option("--env-file", help="File with settings (default .env when it is there)."),
        "budget_texts": click.option("--budget-texts", type=int, help="Stop after embedding so many texts."),
        "budget_minutes": click.option("--budget-minutes", type=float, help="Stop after so many minutes."),
        "budget_cost": click.option("--budget-cost", type=float, help="Stop when embedding has cost so much."),
        "price_per_hour": click.option("--price-per-hour", type=float, help="Of the endpoint while it embeds."),
        "json": click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON, last."),
        "debug": click.option("--debug", is_flag=True, help="Show the trace of an error."),
    }  # fmt: skip

    def add(command: Any) -> Any:
        for name in reversed(names):
            command = known[name](command)
        return command

    return add


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """Keep a Neo4j graph, with a vector on what has text, equal to a Delta table."""


_TEXTS = (
    "mapping", "source", "state", "checkpoint", "write_partitions", "embedder", "endpoint", "endpoint_wait",
    "budget_texts", "budget_minutes", "budget_cost", "price_per_hour", "secret_scope", "env_file", "json", "debug",
)  # fmt: skip


@cli.command("load")
@_options("source_mode", "batch_size", "bytes_per_row", *_TEXTS)
@click.option("--reset-checkpoint", is_flag=True, help="Start fresh: read every row again, write what differs.")
@click.pass_context
def load_command(
    context: click.Context, /, *, as_json: bool, debug: bool, reset_checkpoint: bool, **flags: Any
) -> None:
    """Load what is new in the Delta tables into Neo4j, account for every row, and stop."""

    def work() -> Work:
        settings = config.load_settings(_collect(flags, _defaults(context)), reset_checkpoint=reset_checkpoint)

        def load(spark: SparkSession) -> RunReport:
            from delta_neo4j.load import load

            return load(spark, settings)

        return load

    context.exit(run("load", work, as_json=as_json, debug=debug).exit_code)


@cli.command("embed")
@_options(*_TEXTS)
@click.pass_context
def embed_command(context: click.Context, /, *, as_json: bool, debug: bool, **flags: Any) -> None:
    """Embed what the cache lacks of the tables' texts, without touching Neo4j."""

    def work() -> Work:
        settings = config.text_settings(_collect(flags, _defaults(context)))

        def embed(spark: SparkSession) -> RunReport:
            from delta_neo4j.embed import embed

            return embed(spark, settings)

        return embed

    context.exit(run("embed", work, as_json=as_json, debug=debug).exit_code)


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
            startup = time.monotonic() - began
            report = do(spark)
        report.seconds["startup"] = startup
        report.seconds["total"] += startup
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
@_options("mapping", "embedder", "endpoint", "endpoint_wait", "secret_scope", "env_file", "json", "debug")
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


def _collect(flags: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, config.Found]:
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
    from delta_neo4j import load

    return load.batch_function(spark_session(), config.load_settings(_collect({}, defaults)))


def main(arguments: list[str] | None = None, defaults: Mapping[str, Any] | None = None) -> None:
    """Run the command; returns on success, ends the process with the documented exit code otherwise."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli.main(given, prog_name="delta-neo4j", standalone_mode=False, obj={"defaults": defaults or {}})
    except click.ClickException as error:
        error.show()
        code = SettingsError.exit_code
    except LoaderError as error:
        if "--debug" in given:
            traceback.print_exception(error)
        click.echo(f"delta-neo4j: {error}", err=True)
        code = error.exit_code
    except click.Abort:
        code = UNEXPECTED
    if code:
        # A job that returned is a job that succeeded; only failure may end the process.
        raise SystemExit(code)
