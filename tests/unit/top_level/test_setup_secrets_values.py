"""The env file as `setup_secrets.sh` reads it: what arrives in the scope, and what never shows."""

from __future__ import annotations

import logging
import re
import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from delta_neo4j.settings import build, collect, env_file
from tests.support.secrets_desk import AURA, DEFAULT, PASSWORD, SCRIPT, Desk, shows


@pytest.fixture
def desk(tmp_path):
    """A fresh folder and workspace."""
    return Desk(tmp_path)


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
    file = build.neo4j_settings(collect.collect(environment={}, env_file=str(desk.folder / ".env")))
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
def test_nasty_values_are_read_as_the_loader_reads_them(tmp_path, end):
    """Quotes, blanks, dollars, back-ticks, unicode: nothing is run, expanded or trimmed."""
    texts = [f"NEO4J_HOST=h{end}NEO4J_PASSWORD={raw}{end}# the end{end}" for raw in NASTY]
    for raw, read, expected in zip(NASTY, *_both_readings(tmp_path, texts), strict=True):
        assert read == expected, raw
    assert not (tmp_path / "pwned").exists()


QUOTED = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    assert shows(desk, done, expected) == []
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
    """Give what the script reads of each text, and what the loader does, as values in the order of NAMES."""
    files = [folder / f"{number}.env" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes(text.encode())
    done = subprocess.run(["bash", "-c", PARSE, "parse", SCRIPT, *files], cwd=folder, capture_output=True, check=True)
    values = done.stdout.decode().split("\0")[:-1]
    logging.getLogger("dotenv.main").disabled = True  # it warns of every broken line
    expected = [env_file.read(str(file)) for file in files]
    return (
        [values[at : at + len(NAMES)] for at in range(0, len(values), len(NAMES))],
        [[read.get(name, "") for name in NAMES] for read in expected],
    )


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(LINE, min_size=1, max_size=4).map("".join), min_size=25, max_size=25))
def test_the_parser_reads_any_file_as_the_loader_does(tmp_path, texts):
    """Broken quotes, comments, escapes, white space of every alphabet: the same names get the same values."""
    for text, read, expected in zip(texts, *_both_readings(tmp_path, texts), strict=True):
        assert read == expected, text


MARKED = [
    "NEO4J_HOST=h\nNEO4J_USER=u\n",
    "NEO4J_HOST=h\r\nNEO4J_USER=u\r\n",
    "# Neo4j\r\nNEO4J_HOST=h\r\nNEO4J_USER=u",
    "export NEO4J_HOST=h\nNEO4J_USER=u",
    "\n'NEO4J_HOST'='h' # why\nNEO4J_USER=u",
    " NEO4J_HOST = h\n# joined files:\n\ufeff\ufeffexport NEO4J_USER=u",
    "\ufeffNEO4J_HOST=h\r\ufeffNEO4J_USER=u",
]


def test_a_byte_order_mark_loses_no_setting(tmp_path):
    """The marks of Windows editors are no part of a name: before a comment, `export`, quotes; in joined files."""
    read, expected = _both_readings(tmp_path, [f"\ufeff{text}" for text in MARKED])
    assert read == expected == [["", "h", "", "", "u", "", ""]] * len(MARKED)


# --- what never shows ---------------------------------------------------------------------------------------------


def test_the_callers_exports_do_not_carry_secrets_to_the_cli(desk):
    """A variable the script assigns stays out of the CLI's environment, though the caller exported that name."""
    names = set(re.findall(r"\b([A-Za-z_]\w*)=", SCRIPT.read_text())) - {"LC_ALL"}
    assert {"password", "value", "text", "rest"} <= names
    desk.write(AURA)
    done = desk.run("--reader", "job@example.com", **dict.fromkeys(names, "mine"), NEO4J_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert shows(desk, done, PASSWORD) == []


def test_a_trace_of_the_script_shows_no_secret(desk):
    """`bash -x`, and the options that a shell hands on, change nothing."""
    desk.write(AURA)
    done = desk.run(SHELLOPTS="allexport:xtrace:verbose")
    assert done.returncode == 0, done.stderr
    assert shows(desk, done, PASSWORD) == []


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
    assert shows(desk, done, PASSWORD) == []


def test_a_line_that_cannot_be_read_is_named_by_its_number(desk):
    """What is left out is said, without a word of it."""
    desk.write(f'\n# first\nNEO4J_PASSWORD="{PASSWORD}\nNEO4J_HOST=h\nNEO4J_USER=u\n')
    done = desk.run()
    assert done.returncode == 2
    assert ".env, line 3 is not NAME=VALUE" in done.stderr
    assert "NEO4J_PASSWORD is not set in .env" in done.stderr
    assert PASSWORD not in done.stderr
