"""
The console command `delta-neo4j`: its group of commands, and `main`.

`--help` needs neither pyspark nor a server: each command imports its heavy libraries when it runs.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from delta_neo4j import __version__
from delta_neo4j.cli.clear import clear_command
from delta_neo4j.cli.embed import embed_command
from delta_neo4j.cli.load import load_command
from delta_neo4j.cli.maintain import maintain_command
from delta_neo4j.cli.mapping import mapping_group
from delta_neo4j.cli.plan import plan_command
from delta_neo4j.cli.report import report_command
from delta_neo4j.cli.retry_letters import retry_command
from delta_neo4j.cli.search import search_command
from delta_neo4j.cli.status import status_command
from delta_neo4j.cli.stops import STOPS, end_process
from delta_neo4j.cli.unexpected_errors import as_loader_error
from delta_neo4j.cli.verify import verify_command
from delta_neo4j.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

ABORTED = 1


@click.group(
    context_settings={"max_content_width": 120},
    epilog="Each setting comes from its flag, else the environment, else .env, else a secret scope; "
    "delta-neo4j status --settings shows all settings.",
)
@click.version_option(__version__)
def cli() -> None:
    """
    Keep a Neo4j graph equal to Delta tables, with vectors of their texts.

    A first load: write Neo4j's address and password into .env (see .env.sample), draft a mapping with `mapping init`,
    check the mapping with `mapping check`, forecast the load with `plan`, then run `load` and `search`.
    """


for _command in (
    clear_command, embed_command, load_command, maintain_command, mapping_group, plan_command, report_command,
    retry_command, search_command, status_command, verify_command,
):  # fmt: skip
    cli.add_command(_command)


def main(arguments: list[str] | None = None, defaults: Mapping[str, Any] | None = None) -> None:
    """
    Run a command; return if it succeeds, else end the process with the exit code of docs/loading.md.

    `arguments`: None takes the arguments of the process. `defaults`: settings by name; every other origin wins over
    them.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    STOPS.install()
    try:
        code = cli.main(arguments, prog_name="delta-neo4j", standalone_mode=False, obj=dict(defaults or {}))
    except click.ClickException as error:
        error.show()
        code = SettingsError.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = _stopped()
    except Exception as error:  # noqa: BLE001  # any error ends as one line; --debug shows the trace
        if "--debug" in arguments:
            traceback.print_exception(error)
        failure = STOPS.error() or as_loader_error(error)
        click.echo(f"delta-neo4j: {failure}", err=True)
        code = failure.exit_code
    if STOPS.received:
        end_process(code)
    if code:
        # Exit only on failure: Databricks may count a job that exits, even with 0, as failed
        # (https://github.com/dimajix/flowman/issues/353).
        raise SystemExit(code)


def _stopped() -> int:
    """Return the exit code of a command that asked and was told no, or that a signal has stopped."""
    stop = STOPS.error()
    if stop is None:
        return ABORTED
    click.echo(f"delta-neo4j: {stop}", err=True)
    return stop.exit_code
