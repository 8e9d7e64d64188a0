"""The commands around mapping files: `delta-neo4j mapping check | init | schema`. With `cli`, what knows argv."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j import config
from delta_neo4j.errors import LoaderError, PreflightError, SettingsError
from delta_neo4j.options import options
from delta_neo4j.yaml_places import Fault

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from delta_neo4j.mapping_check import Checked
    from delta_neo4j.setting_names import Found

FAULTY = PreflightError.exit_code


@click.group("mapping")
def mapping_group() -> None:
    """Draft, check and describe mapping files."""


@mapping_group.command("check")
@click.argument("file")
@options("source", "secret_scope", "env_file", "debug")
@click.option("--offline", is_flag=True, help="Look at the file alone: no table and no server.")
@click.pass_context
def check_command(context: click.Context, /, file: str, *, offline: bool, debug: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """Hold FILE against itself, its tables and the graph; each fault is a line FILE:LINE:COLUMN; nothing is made."""
    from delta_neo4j import mapping_check

    found = config.collect(flags, env_file=flags["env_file"], scope=flags["secret_scope"])
    sources = config.parse_sources(found["source"].value if "source" in found else ())
    origin, checked, faults = mapping_check.read(file, sources)
    looked_at, left_out = ["the file"], []
    if checked is None:
        left_out += ["tables and graph: the file comes first"]
    elif offline:
        left_out += ["tables and graph: --offline"]
    else:
        for look in (_look_at_tables, _look_at_graph):
            seen, unseen, more = look(context, checked, found)
            looked_at += seen
            left_out += unseen
            faults += more
    for fault in sorted(faults, key=lambda fault: (fault.line, fault.column)):
        click.echo(f"{origin}:{fault}")
    verdict = "1 fault" if len(faults) == 1 else f"{len(faults) or 'no'} faults"
    click.echo(f"{origin}: {verdict}; looked at {', '.join(looked_at)}", err=True)
    for line in left_out:
        click.echo(f"{origin}: not looked at {line}", err=True)
    context.exit(FAULTY if faults else 0)


Looked = tuple[list[str], list[str], list[Fault]]


def _look_at_tables(context: click.Context, checked: Checked, found: dict[str, Found]) -> Looked:  # noqa: ARG001  # beside _look_at_graph
    from delta_neo4j import mapping_check

    try:
        spark = _session(context)
    except SettingsError as error:
        return [], [f"tables: {error}"], []
    from delta_neo4j.runs import told

    with told():
        faults = mapping_check.table_faults(spark, checked)
    return [f"{len(checked.graph.tables)} tables"], [], faults


def _look_at_graph(context: click.Context, checked: Checked, found: dict[str, Found]) -> Looked:  # noqa: ARG001  # beside _look_at_tables
    from delta_neo4j import mapping_check

    if "uri" not in found and "host" not in found:
        return [], ["the graph: NEO4J_URI is not set"], []
    try:
        version, faults = mapping_check.graph_faults(config.neo4j_settings(found).connection(), checked)
    except LoaderError as error:
        return [], [], [Fault(1, 1, "the graph", str(error))]
    return [f"the graph on Neo4j {version}"], [], faults


@mapping_group.command("init")
@click.argument("table", metavar="TABLE_OR_PATH")
@click.option("--label", default="", help="The nodes' label; says that the rows are nodes (default: guessed).")
@click.option("--output", type=click.Path(path_type=Path), help="File to write; it must not be there yet.")
@options("debug")
@click.pass_context
def init_command(context: click.Context, /, table: str, *, label: str, output: Path | None, debug: bool) -> None:  # noqa: ARG001  # main reads --debug
    """Draft a mapping from the columns and first rows of a Delta table, with comments on what was guessed."""
    if output and output.exists():
        raise SettingsError(f"{output} is there already; name another file with --output")
    if output and not output.parent.is_dir():
        raise SettingsError(f"there is no folder {output.parent}; make it, or name another file with --output")
    spark = _session(context)
    from delta_neo4j.drafting.draft import draft
    from delta_neo4j.runs import told

    with told():
        text = draft(spark, table, label)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    click.echo(f"{output} is written; look it over, then: delta-neo4j mapping check {output}", err=True)


@mapping_group.command("schema")
def schema_command() -> None:
    """Print the JSON schema of mapping files, for editors."""
    from delta_neo4j.mapping import json_schema

    click.echo(json_schema(), nl=False)


def _session(context: click.Context) -> SparkSession:
    session: SparkSession = context.meta["spark_session"]()
    return session
