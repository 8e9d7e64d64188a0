"""The reader of a command that only looks at a state: `deltalake` for a folder, else Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from delta_neo4j.cli import session
from delta_neo4j.source.local_folder import UnreadableError
from delta_neo4j.state.reader import FolderReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from delta_neo4j.state.reader import Reader

Answer = TypeVar("Answer")


def looked_at(location: str, look: Callable[[Reader], Answer]) -> Answer:
    """
    Return what `look` finds in a state, with the reader that needs the least.

    A folder of this machine is read with `deltalake`, if that is installed; a schema, or what `deltalake` cannot read,
    through Spark.
    """
    if reader := FolderReader.of(location):
        try:
            return look(reader)
        except UnreadableError as error:
            click.echo(f"{error}; asking Spark", err=True)
    spark = session.spark_session()
    from delta_neo4j.runs.error_translation import translating_spark_errors
    from delta_neo4j.source import grants
    from delta_neo4j.state.spark_reader import SparkReader

    with translating_spark_errors():
        grants.check_readable(spark, (), location)
        return look(SparkReader(spark, location))
