"""The pages for people: every command on them is one that the program takes, every link leads to a file."""

from __future__ import annotations

import json
import re
import shlex

import click
import pytest

from delta_neo4j.cli.console import cli
from delta_neo4j.mapping.file import json_schema, validated
from tests.support.places import ROOT

PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
VERBS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
NEEDS_A_WORKSPACE = re.compile(r"(databricks |\./setup_secrets\.sh|python model_setup\.py(?!.*--local))")


def _lines(page):
    """Yield each line of the fenced blocks of a page, without blanks around it."""
    for block in FENCED.findall(page.read_text()):
        yield from (line.strip() for line in block.splitlines())


def _commands(program):
    """Yield the words of every command of a program: a fenced line, or what stands between back-ticks."""
    for page in PAGES:
        inline = INLINE.findall(FENCED.sub("", page.read_text()))
        for line in dict.fromkeys([*_lines(page), *inline]):
            if line.startswith(f"{program} "):
                words = shlex.split(line, comments=True)[1:]
                end = next((place for place, word in enumerate(words) if word in {">", "|", "&&"}), len(words))
                yield pytest.param(words[:end], id=f"{page.name}: {line[:60]}")


@pytest.mark.parametrize("words", list(_commands("delta-neo4j")))
def test_a_documented_command_is_taken(words):
    """Command, flags and kinds of values are those of the program; nothing is run."""
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group) and not words[0].startswith("-"):
        name, *words = words
        command = command.get_command(context, name)
        assert command is not None, name
        if not words:
            return  # named, not called
    flags = {flag for each in command.get_params(context) for flag in each.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= flags
    if "--help" not in words and "--version" not in words:
        command.make_context(command.name, words)


@pytest.mark.parametrize("words", list(_commands("make")))
def test_a_documented_verb_is_in_the_makefile(words):
    """`make` is only asked for what it has."""
    assert words[0] in VERBS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_for_a_workspace_is_marked(page):
    """A fenced line that only works with a Databricks workspace says so at its end."""
    for line in _lines(page):
        if NEEDS_A_WORKSPACE.match(line):
            assert line.endswith("(needs a workspace)"), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_a_page_leads_there(page):
    """Relative links name files that are there."""
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_links_every_page():
    """A page that nothing links is a page that nobody reads."""
    linked = set(re.findall(r"\]\(docs/([^)#]+)", (ROOT / "README.md").read_text()))
    assert {page.name for page in PAGES if page.parent.name == "docs"} <= linked


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_folder_table_names_every_folder_of_the_package(page):
    """One line a folder, so that a stranger finds the room from the table alone."""
    folders = {path.parent.name for path in (ROOT / "delta_neo4j").glob("*/__init__.py")}
    assert folders == set(re.findall(r"^(?:\| `| {2})(\w+)/", (ROOT / page).read_text(), re.MULTILINE)) & folders


def test_pages_name_no_machine():
    """A page holds no path of somebody's machine."""
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(root|home|work|tmp)/", page.read_text()), page.name


MAPPINGS = ROOT / "mappings"


def test_the_docs_pieces_make_one_sound_mapping():
    """Put together, what docs/mapping.md shows is a mapping without a fault, with everything that a table may have."""
    pieces = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8"), re.DOTALL)
    model, faults = validated("".join(pieces))
    assert faults == []
    nodes, edges = model.tables
    assert (bool(nodes.embedding), bool(nodes.relationships), bool(edges.relationship)) == (True, True, True)


def test_the_docs_name_every_shipped_mapping_and_type():
    """Nothing that ships is left for people to find by themselves."""
    told = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    for file in MAPPINGS.glob("*.yml"):
        assert f"| `{file.stem}`" in told
    types = json.loads(json_schema())["$defs"]["PropertyModel"]["properties"]["type"]["enum"]
    for name in types:
        assert f"`{name}`" in told or name.startswith("list<")


@pytest.mark.parametrize(
    "words",
    [
        "Secret scope not found",
        "Driver not initialized",
        "Resource does not support direct Data Plane access",
        "is missing: %pip install",
        "may be paused",
        "blocks port 7687",
    ],
)
def test_troubleshooting_has_what_people_search_for(words):
    """Each message has its entry in docs/troubleshooting.md."""
    assert words in (ROOT / "docs" / "troubleshooting.md").read_text()
