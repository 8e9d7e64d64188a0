"""The commands for mapping files: `delta-neo4j mapping check | init | schema`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from delta_neo4j.cli import session
from delta_neo4j.cli.options import ORIGIN_OPTIONS, collected, options
from delta_neo4j.errors import LoaderError, PreflightError, SettingsError
from delta_neo4j.mapping.yaml_places import Fault
from delta_neo4j.settings import build

if TYPE_CHECKING:
    from delta_neo4j.runs.mapping_check import Checked
    from delta_neo4j.settings.names import Found

FAULTY = PreflightError.exit_code


@click.group("mapping")
def mapping_group() -> None:
    """Draft, check and describe mapping files."""


@mapping_group.command("check")
@click.argument("file")
@options("source")
@click.option("--offline", is_flag=True, help="Check of the file only, without tables and Neo4j (default all three).")
@options(*ORIGIN_OPTIONS, "debug")
@click.pass_context
def check_command(context: click.Context, /, file: str, *, offline: bool, debug: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """
    Check FILE, its tables and the graph, and list every fault.

    Each fault is a line FILE:LINE:COLUMN: PATH: MESSAGE. FILE may be the name of a shipped mapping. Writes nothing.
    """
    from delta_neo4j.runs import mapping_check

    found = collected(context, flags)
    located = partial(build.located, found)
    given = build.parse_sources(found["source"].value if "source" in found else ())
    sources = {name: located(source) for name, source in given.items()}
    origin, checked, faults = mapping_check.read(file, sources, located)
    done, skipped = ["the file"], []
    if checked is None:
        skipped += ["tables and graph: correct the file first"]
    elif offline:
        skipped += ["tables and graph: --offline"]
    else:
        for part in (_check_tables(checked), _check_graph(checked, found)):
            done += part.done
            skipped += part.skipped
            faults += part.faults
    for fault in sorted(faults, key=lambda fault: (fault.line, fault.column)):
        click.echo(f"{origin}:{fault}")
    verdict = "1 fault" if len(faults) == 1 else f"{len(faults) or 'no'} faults"
    click.echo(f"{origin}: {verdict}; checked {', '.join(done)}", err=True)
    for line in skipped:
        click.echo(f"{origin}: not checked: {line}", err=True)
    context.exit(FAULTY if faults else 0)


class _Part(NamedTuple):
    """One part of a check: what it covered, what it could not cover with the reason, and the faults."""

    done: list[str]
    skipped: list[str]
    faults: list[Fault]


def _check_tables(checked: Checked) -> _Part:
    try:
        spark = session.spark_session()
    except SettingsError as error:
        return _Part([], [f"tables: {error}"], [])
    from delta_neo4j.runs import mapping_check
    from delta_neo4j.runs.error_translation import translating_spark_errors

    with translating_spark_errors():
        faults = mapping_check.table_faults(spark, checked)
    return _Part([f"{len(checked.mapping.tables)} tables"], [], faults)


def _check_graph(checked: Checked, found: dict[str, Found]) -> _Part:
    from delta_neo4j.runs import mapping_check

    if "uri" not in found and "host" not in found:
        return _Part([], ["the graph: NEO4J_URI is not set"], [])
    try:
        version, faults = mapping_check.graph_faults(build.neo4j_settings(found).connection(), checked)
    except LoaderError as error:
        return _Part([], [], [Fault(1, 1, "the graph", str(error))])
    return _Part([f"the graph on Neo4j {version}"], [], faults)


@mapping_group.command("init")
@click.argument("table", metavar="TABLE_OR_PATH")
@click.option(
    "--label", default="", metavar="LABEL", help="Label of the rows' nodes, for a table of nodes (default a guess)."
)
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="New file to write (default standard output)."
)
@options("debug")
@click.pass_context
def init_command(
    context: click.Context,
    /,
    table: str,
    *,
    label: str,
    output: Path | None,
    debug: bool,  # noqa: ARG001  # main reads --debug
) -> None:
    """
    Draft a mapping from the columns and rows of a Delta table.

    A comment in the draft explains each guess.
    """
    if output and output.exists():
        raise SettingsError(f"{output} exists already; name another file with --output")
    if output and not output.parent.is_dir():
        raise SettingsError(f"there is no folder {output.parent}; make it, or name another file with --output")
    address = build.located(collected(context, {}), table)
    spark = session.spark_session()
    from delta_neo4j.runs.error_translation import translating_spark_errors
    from delta_neo4j.runs.mapping_draft.draft import draft

    with translating_spark_errors():
        text = draft(spark, address, label, table)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    click.echo(f"wrote {output}; read it, then run: delta-neo4j mapping check {output}", err=True)


@mapping_group.command("schema")
def schema_command() -> None:
    """Print the JSON schema of mapping files, for editors."""
    from delta_neo4j.mapping.file import json_schema

    click.echo(json_schema(), nl=False)
