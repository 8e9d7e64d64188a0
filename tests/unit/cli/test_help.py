"""`--help` of every command: one screen line a command, and no option without its default."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from delta_neo4j.cli.console import cli
from delta_neo4j.cli.mapping import mapping_group

COMMANDS = [*cli.commands.values(), *mapping_group.commands.values()]
OPTIONS = [
    pytest.param(option, id=f"{command.name} {option.opts[0]}")
    for command in COMMANDS
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_names_its_default(option):
    """A reader learns what happens without the option."""
    assert option.show_default or "(default " in option.help
    assert option.help.endswith(".")


@pytest.mark.parametrize("group", [[], ["mapping"]], ids=["delta-neo4j", "mapping"])
def test_the_list_of_commands_cuts_no_sentence_off(group):
    """At eighty columns, too, each command's first sentence is whole."""
    page = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80).output
    assert "Commands:" in page
    assert "..." not in page.partition("Commands:")[2]
