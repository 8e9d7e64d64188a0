"""`python -m dev up|down|status|demo`: the local stack of the repository in the current folder."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from dev import java, wheel_java
from dev.processes import StackError
from dev.stack import Stack


@click.group()
def main() -> None:
    """Run Neo4j and the embedding model on this machine, for work on the project.

    NEO4J_VERSION (5.26, 2026 or an exact version), NEO4J_BOLT_PORT, MODEL_PORT and NEO4J_JAVA_HOME set version, ports
    and Java. If NEO4J_URI, NEO4J_HOST or EMBEDDING_URL names a service, that service is used and none is started.
    """


@main.command()
def up() -> None:
    """Start the services that do not run yet, and write .local/services.env."""
    _stack().up(click.echo)


@main.command()
def down() -> None:
    """Stop the services that `up` started, and wait until they have ended."""
    _stack().down(click.echo)


@main.command()
def status() -> None:
    """Show each service, its state and address; exit code 1 if one is down."""
    services = _stack().status()
    for service in services:
        state = "up" if service.up else "down"
        click.echo(f"{service.service:<16} {state:<4} {service.address}  {service.note}")
    sys.exit(0 if all(service.up for service in services) else 1)


@main.command()
def demo() -> None:
    """Load the sample tables, show the summary and a search."""
    from dev import demo

    demo.run(_stack().root, click.echo)


@main.command("spark-java")
def spark_java() -> None:
    """Print the home folder of the machine's own Java for Spark."""
    click.echo(java.spark_java(machine_only=True).home)


@main.command("spark-environment")
@click.option("--archive", is_flag=True, help="Make the archive of Spark's classes first, unless it is there.")
def spark_environment(archive: bool) -> None:
    """Print shell lines that set the variables of local Spark: the wheel's Java, the archive of its classes."""
    from dev import spark_java

    folder = _stack().root / ".local" / "java"
    if archive:
        spark_java.make_archive(folder)
    for name, value in spark_java.spark_environment(folder).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command("complete-java")
def complete_java() -> None:
    """Add to the wheel's Java the files that the wheel leaves out."""
    home = wheel_java.wheel_home()
    if home is not None:
        wheel_java.complete(home)


def _stack() -> Stack:
    root = Path.cwd()
    if not (root / "pyproject.toml").is_file():
        raise StackError(f"{root} is not the project's folder: change to the one that holds pyproject.toml")
    return Stack(root, os.environ)


if __name__ == "__main__":
    main()
