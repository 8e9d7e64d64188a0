"""The commands `maintain` and `clear`; `cli` adds them and hands them the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from delta_neo4j import config
from delta_neo4j.options import options

if TYPE_CHECKING:
    from delta_neo4j.setting_names import Origins


@click.command("maintain")
@options("state", "secret_scope", "env_file", "debug")
@click.pass_context
def maintain_command(context: click.Context, /, *, debug: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """Merge small files of the state tables and drop twins from the embedding cache; loads may go on meanwhile."""
    state = config.state_location(collected(context, flags))
    spark = context.obj["spark"]()
    from delta_neo4j import maintain
    from delta_neo4j.runs import told

    with told():
        for line in maintain.maintain(spark, state):
            click.echo(line)


@click.command("clear")
@options("mapping", "source", "state", "checkpoint", "secret_scope", "env_file", "debug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--allow-remote", is_flag=True, help="Also where Neo4j is not on this machine.")
@click.pass_context
def clear_command(context: click.Context, /, *, debug: bool, yes: bool, allow_remote: bool, **flags: Any) -> None:  # noqa: ARG001  # main reads --debug
    """Remove what the mapping's loads put into the graph, and nothing else; asks first."""
    settings = config.load_settings(collected(context, flags))
    settings.neo4j.require_local(allow_remote=allow_remote)
    spark = context.obj["spark"]()
    from delta_neo4j import clear
    from delta_neo4j.runs import told

    with told():
        found = clear.loaded(spark, settings)
        click.echo(f"{settings.neo4j.uri}, database {settings.neo4j.database}: {', '.join(x.what for x in found)}")
        if not yes:
            click.confirm("Remove them, and start the checkpoints of these tables anew?", abort=True)
        click.echo("\n".join(clear.clear(spark, settings, found)))


def collected(context: click.Context, flags: dict[str, Any]) -> Origins:
    """Give the settings of a command's flags, the environment and the caller's defaults."""
    defaults = context.obj.get("defaults", {})
    return config.collect(flags, env_file=flags["env_file"], scope=flags["secret_scope"], defaults=defaults)
