"""Options that several commands share: one for each setting with a flag, from the table of settings, and four more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from delta_neo4j.settings import collect
from delta_neo4j.settings.names import SETTINGS, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from delta_neo4j.settings.names import Origins

    Decorator = Callable[[Any], Any]

ORIGIN_OPTIONS = ("secret_scope", "env_file")
EMBEDDER_OPTIONS = ("embedder", "endpoint", "endpoint_wait")
TEXT_OPTIONS = ("mapping", "source", "state", "checkpoint", *EMBEDDER_OPTIONS, "write_partitions")
STREAM_OPTIONS = (*TEXT_OPTIONS, "source_mode", "batch_size", "bytes_per_row")
BUDGET_OPTIONS = ("budget_texts", "budget_minutes", "budget_cost")
OUTPUT_OPTIONS = ("json", "debug")


def _option(setting: Setting) -> Decorator:
    kind = click.Choice(setting.kind) if isinstance(setting.kind, tuple) else setting.kind
    bare: dict[str, Any] = {"is_flag": False, "flag_value": setting.bare} if setting.bare else {}
    return click.option(
        setting.flag, type=kind, multiple=setting.repeatable, metavar=setting.metavar, help=setting.help, **bare
    )


_OPTIONS: dict[str, Decorator] = {
    **{setting.name: _option(setting) for setting in SETTINGS if setting.flag},
    "secret_scope": click.option(
        "--secret-scope", metavar="NAME", help="Databricks secret scope with the connection to Neo4j (default none)."
    ),
    "env_file": click.option(
        "--env-file", metavar="FILE", help="File with settings, one NAME=VALUE a line (default .env if it exists)."
    ),
    "json": click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="The result as one line of JSON, last on standard output (default text).",
    ),
    "debug": click.option("--debug", is_flag=True, help="The traceback of an error (default its message only)."),
}


def options(*names: str) -> Decorator:
    """Return a decorator that adds the named options to a command, in this order."""

    def add(command: Any) -> Any:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return add


def collected(context: click.Context, flags: Mapping[str, Any]) -> Origins:
    """Return a command's settings, collected from its flags, the other origins, and the defaults passed to `main`."""
    scope, env_file = flags.get("secret_scope"), flags.get("env_file")
    return collect.collect(flags, env_file=env_file, scope=scope, defaults=context.obj)
