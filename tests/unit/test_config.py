"""Where settings come from: order, aliases, secrets, and the words when one is wrong."""

from __future__ import annotations

import sys
import types

import pytest

from delta_neo4j import config
from delta_neo4j.errors import SettingsError
from delta_neo4j.setting_names import SETTINGS

NEO4J = {"NEO4J_URI": "bolt://127.0.0.1:7687", "NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": "pass-word"}


class Secrets:
    """A stand-in for `dbutils.secrets` that refuses what the real one refuses."""

    def __init__(self, scopes):
        self._scopes = scopes

    def list(self, scope):
        """Give the scope's keys as the real one does: objects with a `key`."""
        if scope not in self._scopes:
            raise Exception(f"Secret does not exist with scope: {scope}\n at com.databricks…")  # noqa: TRY002
        return [type("SecretMetadata", (), {"key": key}) for key in self._scopes[scope]]

    def get(self, scope, key):
        """Give one value."""
        return self._scopes[scope][key]


class Utilities:
    """A stand-in for `dbutils`."""

    def __init__(self, **scopes):
        self.secrets = Secrets(scopes)


def _collect(**arguments):
    return config.collect(**{"environment": {}, "env_file": "", **arguments})


def test_the_order_is_flag_environment_file_scope_default(tmp_path):
    """The first origin that has a value wins, and says where it was found."""
    file = tmp_path / "settings.env"
    file.write_text("NEO4J_DATABASE=from-file\nNEO4J_USERNAME=from-file\nNEO4J_HOST=from-file\n")
    found = config.collect(
        {"state": "from-flag"},
        environment={"STATE_LOCATION": "from-env", "NEO4J_DATABASE": "from-env"},
        env_file=str(file),
        dbutils=Utilities(s={"username": "from-scope", "protocol": "bolt"}),
        scope="s",
        defaults={"batch_size": 7},
    )
    assert {name: value.value for name, value in found.items()} == {
        "state": "from-flag", "database": "from-env", "username": "from-file", "host": "from-file",
        "protocol": "bolt", "batch_size": 7,
    }  # fmt: skip
    assert found["protocol"].origin == "secret scope s"


@pytest.mark.parametrize(
    ("environment", "uri"),
    [
        (NEO4J, "bolt://127.0.0.1:7687"),
        ({**NEO4J, "NEO4J_URI": "", "NEO4J_HOST": "h.example"}, "neo4j+s://h.example"),
        ({**NEO4J, "NEO4J_URI": "", "NEO4J_HOST": "h", "NEO4J_PROTOCOL": "bolt+ssc"}, "bolt+ssc://h"),
        ({"NEO4J_URI": "neo4j://h:1", "NEO4J_USER": "u", "NEO4J_PASSWORD": "p"}, "neo4j://h:1"),
    ],
)
def test_the_address_comes_whole_or_in_parts(environment, uri):
    """An Aura file's NEO4J_URI, host and protocol, and NEO4J_USER are all understood."""
    assert config.neo4j_settings(_collect(environment=environment)).uri == uri


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"NEO4J_PASSWORD": ""}, "NEO4J_PASSWORD is not set"),
        ({"NEO4J_URI": "http://h"}, "neo4j+s://HOST"),
        ({"NEO4J_URI": "bolt://user:secret-in-uri@h"}, "no user name and password"),
        ({"NEO4J_URI": "neo4j+s://user:pa/ss-secret-in-uri@h"}, "no user name and password"),
        ({"NEO4J_URI": "", "NEO4J_HOST": "user:secret-in-uri@h"}, "NEO4J_HOST: a Neo4j address carries no"),
        ({"NEO4J_URI": "", "NEO4J_HOST": "neo4j+s://h"}, "NEO4J_HOST: a Neo4j address looks like"),
        ({"NEO4J_URI": "bolt://h:port"}, "the port of an address is a number"),
        ({"NEO4J_URI": "bolt://h:99999"}, "the port of an address is a number"),
        ({"NEO4J_URI": "bolt://h?policy=x"}, "takes no `?`"),
        ({"NEO4J_URI": ""}, "NEO4J_URI is not set"),
    ],
)
def test_a_wrong_setting_is_named_as_the_user_knows_it(change, words):
    """One line with the variable's name; no secret in it."""
    with pytest.raises(SettingsError) as caught:
        config.neo4j_settings(_collect(environment={**NEO4J, **change}))
    assert words in str(caught.value)
    assert "secret-in-uri" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("BATCH_SIZE", "many"), ("ENDPOINT_WAIT_S", "inf"), ("BUDGET_MINUTES", "inf")]
)
def test_a_number_that_is_none_is_refused(name, value):
    """A figure that is not one names its variable."""
    with pytest.raises(SettingsError, match=name):
        config.load_settings(_collect(environment={**NEO4J, name: value}))


def test_a_token_is_what_a_header_can_hold():
    """The line feed that `echo` leaves behind goes; one inside is refused, and not shown."""
    settings = config.embedding_settings(_collect(environment={"EMBEDDING_TOKEN": "dapi-secret\n"}))
    assert settings.token.get_secret_value() == "dapi-secret"
    with pytest.raises(SettingsError, match="EMBEDDING_TOKEN: holds a line break") as refused:
        config.embedding_settings(_collect(environment={"EMBEDDING_TOKEN": "dapi\nsecret"}))
    assert "secret" not in str(refused.value)


def test_what_is_kept_of_settings_has_no_query():
    """What stands behind an address's question mark may be a key."""
    found = _collect(environment={**NEO4J, "EMBEDDING_URL": "http://h/invocations?code=s3cr3t"})
    settings = config.load_settings(found)
    assert settings.embedding.url == "http://h/invocations?code=s3cr3t"
    assert "s3cr3t" not in settings.model_dump_json()


def test_the_blanks_around_what_a_scope_holds_are_slips():
    """A line feed behind the host or the protocol, and a scope's name that is blank."""
    scope = {"host": "h\n", "protocol": "bolt\n", "username": "u", "password": "p"}
    assert config.neo4j_settings(_collect(dbutils=Utilities(s=scope), scope=" s ")).uri == "bolt://h"
    assert _collect(environment={"SECRET_SCOPE": "  "}).scope is None


def test_a_wrong_host_in_a_scope_is_named_as_such():
    """A whole address where the host alone belongs names the scope, and no variable."""
    scope = {"host": "neo4j+s://h", "username": "u", "password": "p"}
    with pytest.raises(SettingsError, match=r"host in secret scope s: a Neo4j address .* a host alone has no scheme"):
        config.neo4j_settings(_collect(dbutils=Utilities(s=scope), scope="s"))


def test_a_schema_as_state_needs_a_checkpoint_only_where_one_is_used():
    """Looking at the state's tables is told nothing more; a load says how a folder is written."""
    found = _collect(environment={**NEO4J, "STATE_LOCATION": "state"})
    assert config.state_location(found) == "state"
    assert config.state_location(_collect()) == ".delta-neo4j"
    with pytest.raises(SettingsError, match=r"give --checkpoint a Volume path, or write \./state for a folder"):
        config.load_settings(found)


def test_an_env_file_that_is_not_utf8_is_one_line(tmp_path):
    """Its name and what to do, and none of its bytes."""
    (tmp_path / "latin.env").write_bytes("NEO4J_PASSWORD=Grüße".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"latin.env is not UTF-8 text; save it as UTF-8"):
        config.collect(environment={}, env_file=str(tmp_path / "latin.env"))


REFUSALS = [
    ("Secret does not exist with scope: nope and key: host", r"Secret scope not found: 'nope' .*setup_secrets.sh nope"),
    ("ResourceDoesNotExist: Scope nope does not exist!", r"Secret scope not found: 'nope' .*setup_secrets.sh nope"),
    (
        "PERMISSION_DENIED: User a@b.c does not have READ permission on scope nope",
        r"Secret scope 'nope' refuses you .*put-acl nope PRINCIPAL READ`.*setup_secrets.sh nope --reader PRINCIPAL",
    ),
    ("default auth: cannot configure default credentials", r"Secret scope 'nope' cannot be read .*list-scopes"),
]


@pytest.mark.parametrize(("told", "line"), REFUSALS)
def test_a_scope_that_cannot_be_read_says_why_and_what_to_do(told, line):
    """No such scope, no READ on it, no login: one line each, with the command that mends it."""

    class Refusing:
        def list(self, scope):
            raise Exception(f"{told}\n\tat com.databricks.SecretManagerClient")  # noqa: TRY002

    with pytest.raises(SettingsError, match=line) as refused:
        _collect(dbutils=types.SimpleNamespace(secrets=Refusing()), scope="nope")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("key", "name"), [("password", "NEO4J_PASSWORD"), ("host", "NEO4J_URI")])
def test_a_key_that_the_scope_lacks_is_named_with_the_command_that_writes_it(key, name):
    """The line names the setting, the scope, the key and the command."""
    scope = {"host": "h", "username": "u", "password": "p"}
    del scope[key]
    with pytest.raises(SettingsError, match=rf"{name} is not set.*'s' has no key '{key}'.*put-secret s {key}`"):
        config.neo4j_settings(_collect(dbutils=Utilities(s=scope), scope="s"))


def test_a_named_env_file_must_exist():
    """A file that was asked for and is not there is an error, not a shrug."""
    with pytest.raises(SettingsError, match=r".env.sample"):
        config.collect(environment={}, env_file="no-such.env")


def test_an_env_file_is_parsed_and_never_run(tmp_path):
    """Dollars, back-ticks and command substitutions are characters."""
    file = tmp_path / "e.env"
    file.write_text("NEO4J_PASSWORD='a$HOME`id`$(id)=#x'\nNEO4J_USERNAME=ünï\r\n")
    found = config.collect(environment={}, env_file=str(file))
    assert found["password"].value == "a$HOME`id`$(id)=#x"
    assert found["username"].value == "ünï"


def test_secrets_print_as_stars():
    """No form of the settings shows the password or the token."""
    found = _collect(environment={**NEO4J, "EMBEDDING_TOKEN": "tok-en"})
    settings = config.load_settings(found)
    for shown in (repr(found), repr(settings), settings.model_dump_json(), repr(settings.neo4j.connection())):
        assert "pass-word" not in shown
        assert "tok-en" not in shown


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a.b.c", {"": "a.b.c"}),
        (("removals=/data/x", "planes=a.b"), {"removals": "/data/x", "planes": "a.b"}),
        (("/data/day=1/x",), {"": "/data/day=1/x"}),
    ],
)
def test_sources_may_be_named(given, expected):
    """`NAME=TABLE` names a table of the mapping; a path with an equals sign stays a path."""
    assert config.parse_sources(given) == expected


def test_the_sample_env_file_names_only_known_variables():
    """Every variable of .env.sample is one that is read."""
    from pathlib import Path

    known = {variable for setting in SETTINGS for variable in setting.variables}
    lines = (Path(__file__).parents[2] / ".env.sample").read_text().splitlines()
    names = {
        line.lstrip("# ").split("=")[0] for line in lines if "=" in line and line.lstrip("# ").split("=")[0].isupper()
    }
    assert names <= known
    assert {"NEO4J_HOST", "NEO4J_PASSWORD"} <= names


def _sdk(monkeypatch, client):
    module = types.SimpleNamespace(WorkspaceClient=client) if client else None
    monkeypatch.setitem(sys.modules, "databricks.sdk", module)


def test_the_login_of_the_workspace_is_taken(monkeypatch):
    """Where Databricks' SDK finds a login, address and headers are its own, made anew for each call."""
    made = []

    def authenticate():
        made.append(1)
        return {"Authorization": f"Bearer {len(made)}"}

    login = types.SimpleNamespace(host="https://adb-1.azuredatabricks.net", authenticate=authenticate)
    _sdk(monkeypatch, lambda: types.SimpleNamespace(config=login))
    host, headers = config.databricks_login({"DATABRICKS_TOKEN": "another"})
    assert host == "https://adb-1.azuredatabricks.net"
    assert [headers(), headers()] == [{"Authorization": "Bearer 2"}, {"Authorization": "Bearer 3"}]


def test_without_the_sdk_the_login_comes_from_the_environment(monkeypatch):
    """Without Databricks' SDK host and token are the environment's."""
    _sdk(monkeypatch, None)
    host, headers = config.databricks_login({"DATABRICKS_HOST": "adb-1.net", "DATABRICKS_TOKEN": "t"})
    assert (host, headers()) == ("adb-1.net", {"Authorization": "Bearer t"})
    with pytest.raises(SettingsError, match="run `databricks auth login`, or set DATABRICKS_HOST"):
        config.databricks_login({"DATABRICKS_HOST": "adb-1.net"})


def test_no_login_is_one_line(monkeypatch):
    """Where the SDK finds nothing, its first line and the ways to log in are said."""

    def client():
        raise ValueError("default auth: cannot configure default credentials\nlong explanation")

    _sdk(monkeypatch, client)
    with pytest.raises(SettingsError, match=r"no Databricks login is known here .default auth: cannot") as refused:
        config.databricks_login({})
    assert "\n" not in str(refused.value)
