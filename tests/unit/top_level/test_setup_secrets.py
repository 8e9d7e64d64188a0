"""`setup_secrets.sh` against a stand-in for the Databricks CLI: what is done, and what is refused."""

from __future__ import annotations

import re
import shutil

import pytest

from delta_neo4j.settings import collect
from tests.support.dbutils import Dbutils
from tests.support.secrets_desk import AURA, DEFAULT, KEYS, PASSWORD, SCRIPT, Desk, shows


@pytest.fixture
def desk(tmp_path):
    """A fresh folder and workspace."""
    return Desk(tmp_path)


# --- what is done -------------------------------------------------------------------------------------------------


def test_a_second_run_writes_the_same_again(desk):
    """An existing scope is used, in whatever case and form the listing has it; other keys stay."""
    first = desk.written(AURA)
    for wrapped in (False, True):
        desk.tell(scopes={DEFAULT.upper(): {**first, "password": "old", "other": "stays"}}, wrapped=wrapped)
        done = desk.run()
        assert done.returncode == 0, done.stderr
        assert desk.state["scopes"] == {DEFAULT.upper(): {**first, "other": "stays"}}
        assert not any("create-scope" in call["argv"] for call in desk.calls)


def test_scopes_with_similar_names_are_not_mistaken_for_it(desk):
    """Neither a longer name nor a dot read as any character makes the scope be there."""
    desk.tell(scopes={"team.x": {}, "my-teamyx": {}, "teamyx": {}})
    desk.write(AURA)
    assert desk.run("team.x2").returncode == 0
    assert desk.run("TEAM-x").returncode == 0
    assert set(desk.state["scopes"]) == {"team.x", "my-teamyx", "teamyx", "team.x2", "TEAM-x"}


def test_a_scope_made_meanwhile_is_used(desk):
    """Only the refusal that says so counts as being there."""
    desk.tell(scopes={DEFAULT: {}}, made_meanwhile=DEFAULT)
    assert sorted(desk.written(AURA)) == sorted(KEYS)


def test_the_profile_goes_to_every_call_and_the_reader_gets_read(desk):
    """`--profile` reaches every call that meets the workspace, `--reader` grants READ and no more."""
    desk.written(AURA, "--profile", "team", "--reader=job@example.com")
    assert desk.state["acls"] == [[DEFAULT, "job@example.com", "READ"]]
    for call in desk.calls[1:]:
        assert call["argv"][-2:] == ["--profile", "team"]
    assert desk.calls[0]["argv"] == ["--version"]


def test_another_file_and_scope_can_be_named(desk):
    """The first argument is the scope, `--env-file` the file."""
    desk.write(AURA, "other settings.env")
    assert desk.run("my-custom-scope", "--env-file", "other settings.env").returncode == 0
    assert list(desk.state["scopes"]) == ["my-custom-scope"]


def test_a_dry_run_writes_nothing_and_prints_names_only(desk):
    """It says what would be done, and calls only what looks."""
    desk.write(AURA)
    done = desk.run("--dry-run", "--reader", "job@example.com")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"would create scope {DEFAULT}",
        f"would write the keys {' '.join(KEYS)}",
        f"would grant READ on {DEFAULT} to job@example.com",
    ]
    assert [call["argv"][:2] for call in desk.calls] == [
        ["--version"], ["current-user", "me"], ["secrets", "list-scopes"],
    ]  # fmt: skip
    assert shows(desk, done, PASSWORD) == []


VAULT = "https://team-vault.vault.azure.net/"


def test_a_scope_in_azure_key_vault_is_written_in_azure(desk):
    """Databricks only reads it: the commands for Azure are printed, with names the loader reads and without values."""
    desk.write(AURA)
    vaults = {"Kv": VAULT, "kv2": "https://other.vault.azure.net/"}
    names = [f"neo4j-{key}" for key in KEYS]
    for wrapped, arguments in ((False, ["--dry-run"]), (True, ["--reader", "job@example.com"])):
        desk.tell(scopes={"a": {}, "kv2": {}, "Kv": {"neo4j-host": "h"}, "z": {}}, vaults=vaults, wrapped=wrapped)
        done = desk.run("kv", *arguments)
        assert done.returncode == 2
        assert done.stderr == (
            "setup_secrets.sh: Databricks cannot write scope kv, and nothing was written; run the commands above\n"
        )
        assert [line.strip() for line in done.stdout.splitlines() if " az " in line] == [
            f"az keyvault secret set --vault-name team-vault --name {name} --file FILE" for name in names
        ]
        assert shows(desk, done, PASSWORD) == shows(desk, done, "abc.databases") == []
        assert not any("put-secret" in call["argv"] for call in desk.calls)
        for scope in ("a", "z"):  # those beside it are not taken for a vault
            assert desk.run(scope, "--dry-run").returncode == 0
    assert desk.state["acls"] == [["kv", "job@example.com", "READ"]]
    held = dict.fromkeys([*names, "databricks-client-id", "databricks-client-secret"], "x")
    found = collect.collect(environment={}, env_file="", dbutils=Dbutils({"kv": held}), scope="kv")
    assert {"host", "username", "password", "database", "protocol", "client_id", "client_secret"} == set(found)


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NEO4J_USERNAME=u\nNEO4J_PASSWORD=p", "NEO4J_URI (or NEO4J_HOST) is not set in .env; fill it in"),
        ("NEO4J_HOST=h\nNEO4J_PASSWORD=p", "NEO4J_USERNAME is not set in .env; fill it in"),
        ("NEO4J_HOST=h\nNEO4J_USERNAME=u\nNEO4J_PASSWORD=' '", "NEO4J_PASSWORD is not set in .env; fill it in"),
        ("NEO4J_URI=abc.databases.neo4j.io", "NEO4J_URI in .env is no Neo4j address"),
        ("NEO4J_URI=https://abc", "NEO4J_URI in .env is no Neo4j address"),
        ("NEO4J_URI=bolt://u:p@abc", "NEO4J_URI in .env is no Neo4j address"),
        ("NEO4J_HOST=bolt://abc", "NEO4J_PROTOCOL with NEO4J_HOST in .env is no Neo4j address"),
        (b"NEO4J_PASSWORD=\xff", ".env is not UTF-8 text"),
        (AURA.encode("utf-16"), ".env is not UTF-8 text"),
        (AURA + f"NEO4J_DATABASE={'x' * 131_073}", "the database in .env has more than 131072 bytes"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_one_line_before_any_call(desk, text, words):
    """The setting and the file are named, the exit code is 2, and the workspace hears nothing."""
    desk.write(text)
    done = desk.run()
    assert done.returncode == 2
    assert done.stderr.startswith(f"setup_secrets.sh: {words}")
    assert done.stderr.count("\n") == 1
    assert desk.calls == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--env-file", "not.env"], "not.env does not exist; cp .env.sample .env and fill it in"),
        (["--env-file"], "--env-file needs a value"),
        (["--profile="], "--profile needs a value"),
        (["--reader", "--dry-run"], "--reader needs a value"),
        (["--password=x"], "unknown option --password;"),
        (["a", "b"], "two scopes are given"),
        (["my scope"], "may have only letters, digits and _ . @ -"),
        (["x" * 129], "it may have 128 characters"),
    ],
)
def test_a_wrong_argument_is_one_line(desk, arguments, words):
    """It is named, the exit code is 2, and the workspace hears nothing."""
    desk.write(AURA)
    done = desk.run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert desk.calls == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"logged_in": False}, "not logged in to Databricks; databricks auth login (default auth: cannot"),
        ({"version": "Version 0.18.0"}, "0.18.0 is the legacy Databricks CLI; pip uninstall databricks-cli and"),
        ({"version": "command broken"}, "databricks --version names no version"),
        ({"most_scopes": 0}, f"scope {DEFAULT} cannot be created: Cannot create scope: the limit"),
        ({"longest": 3}, f"key host of scope {DEFAULT} cannot be written: The maximum allowed"),
        ({"lost": ["username"]}, f"key username was written, but scope {DEFAULT} does not list it"),
        ({"principals": []}, f"READ on scope {DEFAULT} cannot be granted to job@example.com: Principal: job@"),
    ],
)
def test_what_the_cli_refuses_is_one_line_with_its_reason(desk, state, words):
    """The exit code is 3, and the line says what to do or what the workspace said."""
    desk.write(AURA)
    desk.tell(**state)
    done = desk.run("--reader", "job@example.com")
    assert done.returncode == 3
    assert done.stderr.startswith(f"setup_secrets.sh: {words}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("version", ["Databricks CLI v0.205.2", "Databricks CLI v0.299.1", "Databricks CLI v1.0.0"])
def test_every_current_cli_is_taken(desk, version):
    """The command line of today began with 0.200."""
    desk.tell(version=version)
    assert desk.written(AURA)


def test_a_missing_cli_is_one_line(desk):
    """What to install is said."""
    tools = desk.folder / "only"
    tools.mkdir()
    for name in ("bash", "cat", "tr", "cmp", "iconv"):
        (tools / name).symlink_to(shutil.which(name))
    desk.write(AURA)
    done = desk.run(path=str(tools))
    assert done.returncode == 3
    assert done.stderr.startswith("setup_secrets.sh: the Databricks CLI is not on the path; install")


def test_help_names_every_option(desk):
    """`--help` needs no file, no CLI and no login."""
    done = desk.run("--help")
    assert done.returncode == 0
    options = set(re.findall(r"^ {6}(--[a-z-]+)", SCRIPT.read_text(), re.MULTILINE)) | {"--env-file", "--reader"}
    assert all(option in done.stdout for option in options)


def test_the_script_keeps_to_bash_3_2():
    """Nothing that macOS's bash does not have: associative arrays, mapfile, case conversion, `|&`, `&>>`."""
    code = "\n".join(line.partition(" # ")[0] for line in SCRIPT.read_text().splitlines() if not line.startswith("#"))
    newer = (
        r"declare -A|local -[An]|\bmapfile\b|\breadarray\b|\$\{\w+(,|\^)|\|&|&>>|\bcoproc\b|\bprintf -v|\$EPOCH|@Q\}"
    )
    assert re.findall(newer, code) == []
    assert "<<<" not in code  # a here-string is a file on disk
