"""`python -m dev up|down|status`: the local stack of the repository one stands in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from dev.java import spark_java_home
from dev.processes import StackError
from dev.stack import Stack


@click.group()
def main() -> None:
    """Run Neo4j and the embedding model on this machine, for work on the project.

    NEO4J_VERSION (5.26, 2026 or exact), NEO4J_BOLT_PORT, MODEL_PORT and NEO4J_JAVA_HOME choose; a service named by
    NEO4J_URI, NEO4J_HOST or EMBEDDING_URL is used instead of one started here.
    """


@main.command()
def up() -> None:
    """Start what does not run yet and write .local/services.env."""
    _stack().up(click.echo)


@main.command()
def down() -> None:
    """Stop what `up` started and wait until it has ended."""
    _stack().down(click.echo)


@main.command()
def status() -> None:
    """Say what runs where; exit code 1 unless everything does."""
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
    """Print the home folder of the Java that Spark shall run on."""
    click.echo(spark_java_home())


def _stack() -> Stack:
    root = Path.cwd()
    if not (root / "pyproject.toml").is_file():
        raise StackError(f"{root} is not the project's folder: change to the one that holds pyproject.toml")
    return Stack(root, os.environ)


if __name__ == "__main__":
    main()
