"""The command `verify`."""

from __future__ import annotations

import json
from typing import Any

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import EMBEDDER_OPTIONS, ORIGIN_OPTIONS, OUTPUT_OPTIONS, collected, options
from delta_neo4j.cli.plain_lines import warnings_shown
from delta_neo4j.errors import DifferencesError
from delta_neo4j.settings import build


@click.command("verify")
@options("mapping", "source", "state", "checkpoint", "write_partitions")
@click.option("--vectors", is_flag=True, help="Compare the numbers of all vectors (default whether a node has one).")
@click.option(
    "--version",
    type=click.IntRange(0),
    help="Version of the table; one table only, not with --repair (default the one that the load has reached).",
)
@click.option("--repair", is_flag=True, help="Write again what differs, delete what is extra (default only compare).")
@click.option(
    "--allow-deletes",
    type=click.IntRange(0),
    help="Number of keys that a repair may delete (default a fifth or 1,000, whichever is more).",
)
@options("batch_size", *EMBEDDER_OPTIONS, *ORIGIN_OPTIONS, *OUTPUT_OPTIONS)
@click.pass_context
def verify_command(
    context: click.Context,
    /,
    *,
    vectors: bool,
    version: int | None,
    repair: bool,
    allow_deletes: int | None,
    as_json: bool,
    debug: bool,  # noqa: ARG001  # main reads --debug
    **flags: Any,
) -> None:
    """
    Compare graph and tables, and list every difference.

    Changes nothing in the graph without --repair. Exit code 7 says that something differs.
    """
    settings = build.load_settings(collected(context, flags), allow_deletes=allow_deletes)
    spark = session.spark_session()
    from delta_neo4j.runs.error_translation import translating_spark_errors
    from delta_neo4j.runs.verify.verify import verify

    with warnings_shown(), translating_spark_errors():
        report = verify(spark, settings, vectors=vectors, version=version, repair=repair)
    *lines, verdict = report.lines()
    if as_json:
        click.echo(json.dumps(report.as_dict()))
    elif lines:
        click.echo("\n".join(lines))
    if not report.is_equal:
        raise DifferencesError(f"{verdict}; `delta-neo4j verify --json` lists examples")
    if not as_json:
        click.echo(verdict)
