"""`setup_secrets.sh` against a stand-in for the Databricks CLI: what arrives, what never shows, what is refused."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from delta_neo4j import config

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "setup_secrets.sh"
STAND_IN = ROOT / "tests/support/databricks_cli.py"
DEFAULT = "airline-neo4j-secrets"
PASSWORD = "Tr0ub4dor&3-never-shown"
AURA = f"NEO4J_URI=neo4j+s://abc.databases.neo4j.io\nNEO4J_USERNAME=neo4j\nNEO4J_PASSWORD={PASSWORD}\n"
KEYS = ["host", "username", "password", "database", "protocol"]


class Desk:
    """A folder with an env file and a stand-in `databricks` on the path."""

    def __init__(self, folder):
        self.folder = folder
        self.tools = folder / "bin"
        self.tools.mkdir()
        program = self.tools / "databricks"
        # -S -E: no site-packages and no PYTHON* of the caller, so that a call costs milliseconds.
        program.write_text(f"#!{sys.executable} -SE\n{STAND_IN.read_text()}")
        program.chmod(0o755)
        self.tell()

    def tell(self, **state):
        """Set what the workspace is like, with no call made yet."""
        usual = {
            "version": "Databricks CLI v1.13.0", "logged_in": True, "profiles": ["DEFAULT", "team"], "scopes": {},
            "principals": ["job@example.com"], "acls": [],
        }  # fmt: skip
        (self.tools / "state.json").write_text(json.dumps({**usual, **state}))
        (self.tools / "calls.jsonl").write_text("")

    @property
    def state(self):
        """What the workspace holds now."""
        return json.loads((self.tools / "state.json").read_text())

    @property
    def calls(self):
        """Every call of the CLI so far."""
        return [json.loads(line) for line in (self.tools / "calls.jsonl").read_text().splitlines()]

    def write(self, text, name=".env"):
        """Write the env file byte by byte as given."""
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.folder / name

    def run(self, *arguments, path=None, **environment):
        """Run the script in the folder; gives the finished process."""
        path = path or f"{self.tools}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", str(SCRIPT), *arguments],
            cwd=self.folder, env={"PATH": path, **environment}, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def written(self, text, *arguments):
        """Give what the scope holds after a run that must succeed."""
        self.write(text)
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return self.state["scopes"][DEFAULT]


@pytest.fixture
def desk(tmp_path):
    """A fresh folder and workspace."""
    return Desk(tmp_path)


def _shows(desk, done, secret):
    """Tell where a secret shows: argv, environment, the script's own output."""
    places = {"output": done.stdout + done.stderr}
    for call in desk.calls:
        places["argv"] = places.get("argv", "") + "\0".join(call["argv"])
        places["environment"] = places.get("environment", "") + "\0".join(call["environment"].values())
    return [place for place, text in places.items() if secret in text]


# --- what arrives -------------------------------------------------------------------------------------------------


def test_an_aura_file_becomes_the_five_keys(desk):
    """A whole address is split into protocol and host, the database defaults to neo4j, the scope is made."""
    assert desk.written(AURA) == {
        "host": "abc.databases.neo4j.io", "username": "neo4j", "password": PASSWORD, "database": "neo4j",
        "protocol": "neo4j+s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NEO4J_HOST=h:7687\nNEO4J_PROTOCOL=bolt\nNEO4J_USER=u\nNEO4J_PASSWORD=p\nNEO4J_DATABASE=d", "bolt h:7687 u d"),
        ("NEO4J_HOST=h\nNEO4J_USERNAME=a\nNEO4J_USER=b\nNEO4J_PASSWORD=p\n", "neo4j+s h a neo4j"),
        ("NEO4J_URI=bolt://[::1]:7687\nNEO4J_HOST=other\nNEO4J_USER=u\nNEO4J_PASSWORD=p", "bolt [::1]:7687 u neo4j"),
        ("NEO4J_URI=' '\nNEO4J_HOST=h\nNEO4J_USERNAME=\nNEO4J_USER=u\nNEO4J_PASSWORD=p", "neo4j+s h u neo4j"),
        ("NEO4J_HOST=old\nNEO4J_HOST=h\nexport NEO4J_USER=u\n'NEO4J_PASSWORD'=p", "neo4j+s h u neo4j"),
    ],
)
def test_names_have_the_loaders_aliases_and_defaults(desk, text, expected):
    """Every spelling the loader accepts is accepted, and the loader reads the same from the scope as from the file."""
    held = desk.written(text)
    assert " ".join((held["protocol"], held["host"], held["username"], held["database"])) == expected
    file = config.neo4j_settings(config.collect(environment={}, env_file=str(desk.folder / ".env")))
    assert file.uri == f"{held['protocol']}://{held['host']}"
    assert (file.username, file.database) == (held["username"], held["database"])


NASTY = [
    "plain",
    "a=b=c",
    "p#w",
    "p #comment",
    '"with #"',
    "'it''s'",
    r"'it\'s'",
    r'"say \"hi\" \\ \n \t \x"',
    "'$(touch pwned) `touch pwned` ${HOME} $HOME %s %d'",
    "$(touch${IFS}pwned)",
    "`touch${IFS}pwned`",
    "  padded  ",
    "'  padded  '",
    "'-n'",
    "-e\\n",
    "''",
    "pässwörd-日本語-😀",
    "'two\nlines'",
    "'two\r\nlines\n'",
    "a\\",
    "'a\\\\'",
    "*",
    "~",
    "!!",
    "'\x01\x7f'",
    "\u00a0x\u00a0#y",
]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_nasty_values_are_read_as_python_dotenv_reads_them(tmp_path, end):
    """Quotes, blanks, dollars, back-ticks, unicode: nothing is run, expanded or trimmed."""
    texts = [f"NEO4J_HOST=h{end}NEO4J_PASSWORD={raw}{end}# the end{end}" for raw in NASTY]
    for raw, read, expected in zip(NASTY, *_both_readings(tmp_path, texts), strict=True):
        assert read == expected, raw
    assert not (tmp_path / "pwned").exists()


QUOTED = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=QUOTED.filter(str.strip))
@example(secret="$(touch pwned) `touch pwned` ${HOME} %s \\ '\" # = \r\n é日😀\n\n")
@example(secret="x" * 100_000)  # more than a pipe holds
def test_any_quoted_password_arrives_and_never_shows(desk, secret):
    """Whatever the password is, it goes through standard input alone, and comes out as it was."""
    secret = f"<{secret}>"  # a single letter would stand in some argument by chance
    escaped = secret.replace("\\", "\\\\").replace("'", "\\'")
    desk.write(f"NEO4J_HOST=h\nNEO4J_USER=u\nNEO4J_PASSWORD='{escaped}'\n")
    desk.tell()
    done = desk.run()
    expected = re.sub("\r\n?", "\n", secret)  # a text file has one kind of line end
    assert desk.state["scopes"][DEFAULT]["password"] == expected
    assert _shows(desk, done, expected) == []
    assert not (desk.folder / "pwned").exists()


NAMES = [
    "NEO4J_URI",
    "NEO4J_HOST",
    "NEO4J_PROTOCOL",
    "NEO4J_USERNAME",
    "NEO4J_USER",
    "NEO4J_PASSWORD",
    "NEO4J_DATABASE",
]
PIECES = [
    "'", '"', "\\", "#", " #", " ", "\t", "=", "$", "${NEO4J_USER}", "`", "\n", "\r\n", "\r", "\x0b", "\x1c", "\x85",
    "\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", "é", "日", "😀", "a", "n", "export ", "\x01", "\x7f", "*", "[",
    "]", "?", "!", "\ufeff",
]  # fmt: skip
LINE = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "", "export ", " ", "#", "'"]),
        st.sampled_from(NAMES),
        st.sampled_from(["=", "=", " = ", "='", '="', "", "'="]),
        st.lists(st.sampled_from(PIECES), max_size=10).map("".join),
        st.sampled_from(["", "'", '"']),
        st.sampled_from(["\n", "\n", "\r\n", " # why\n", ""]),
    ),
)
# The functions of the script over many files in one bash, for a process a file would take minutes.
PARSE = """
source "$1"
shift
for env_file in "$@"; do
  env_uri="" env_host="" env_protocol="" env_username="" env_user="" env_password="" env_database=""
  read_env_file 2>/dev/null
  printf '%s\\0' "$env_uri" "$env_host" "$env_protocol" "$env_username" "$env_user" "$env_password" "$env_database"
done
"""


def _both_readings(folder, texts):
    """Give what the script reads of each text, and what python-dotenv does, as values in the order of NAMES."""
    files = [folder / f"{number}.env" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes(text.encode())
    done = subprocess.run(["bash", "-c", PARSE, "parse", SCRIPT, *files], cwd=folder, capture_output=True, check=True)
    values = done.stdout.decode().split("\0")[:-1]
    logging.getLogger("dotenv.main").disabled = True  # it warns of every broken line
    expected = [dotenv_values(file, interpolate=False) for file in files]
    return (
        [values[at : at + len(NAMES)] for at in range(0, len(values), len(NAMES))],
        [[read.get(name) or "" for name in NAMES] for read in expected],
    )


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(LINE, min_size=1, max_size=4).map("".join), min_size=25, max_size=25))
def test_the_parser_reads_any_file_as_python_dotenv_does(tmp_path, texts):
    """Broken quotes, comments, escapes, white space of every alphabet: the same names get the same values."""
    for text, read, expected in zip(texts, *_both_readings(tmp_path, texts), strict=True):
        assert read == expected, text


# --- what never shows ---------------------------------------------------------------------------------------------


def test_the_callers_exports_do_not_carry_secrets_to_the_cli(desk):
    """A variable the script assigns stays out of the CLI's environment, though the caller exported that name."""
    names = set(re.findall(r"\b([A-Za-z_]\w*)=", SCRIPT.read_text())) - {"LC_ALL"}
    assert {"password", "value", "text", "rest"} <= names
    desk.write(AURA)
    done = desk.run("--reader", "job@example.com", **dict.fromkeys(names, "mine"), NEO4J_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert _shows(desk, done, PASSWORD) == []


def test_a_trace_of_the_script_shows_no_secret(desk):
    """`bash -x`, and the options that a shell hands on, change nothing."""
    desk.write(AURA)
    done = desk.run(SHELLOPTS="allexport:xtrace:verbose")
    assert done.returncode == 0, done.stderr
    assert _shows(desk, done, PASSWORD) == []


def test_a_refusal_that_repeats_the_password_is_not_passed_on(desk):
    """The CLI's words are shown, unless they hold what nobody may see."""
    desk.write(AURA)
    desk.tell(longest=20, echo=True)
    done = desk.run()
    assert done.returncode == 3
    assert "key host" in done.stderr
    desk.tell(longest=22, echo=True)
    done = desk.run()
    assert "key password" in done.stderr
    assert _shows(desk, done, PASSWORD) == []


def test_a_line_that_cannot_be_read_is_named_by_its_number(desk):
    """What is left out is said, without a word of it."""
    desk.write(f'\n# first\nNEO4J_PASSWORD="{PASSWORD}\nNEO4J_HOST=h\nNEO4J_USER=u\n')
    done = desk.run()
    assert done.returncode == 2
    assert ".env, line 3 is not NAME=VALUE" in done.stderr
    assert "NEO4J_PASSWORD is not set in .env" in done.stderr
    assert PASSWORD not in done.stderr


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
    assert _shows(desk, done, PASSWORD) == []


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
        (["--env-file", "not.env"], "not.env is not there; cp .env.sample .env and fill it in"),
        (["--env-file"], "--env-file wants a value"),
        (["--profile="], "--profile wants a value"),
        (["--reader", "--dry-run"], "--reader wants a value"),
        (["--password=x"], "unknown option --password;"),
        (["a", "b"], "two scopes are given"),
        (["my scope"], "a scope's name is letters, digits and _ . @ -"),
        (["x" * 129], "a scope's name has at most 128 characters"),
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
