"""A secret scope that cannot be read, or lacks a key: the reason, and the command that mends it."""

from __future__ import annotations

import types

import pytest

import load_utils
from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import build, collect
from tests.support.dbutils import Dbutils


def _collect(**arguments):
    return collect.collect(**{"environment": {}, "env_file": "", **arguments})


def test_the_blanks_around_what_a_scope_holds_are_slips():
    """A line feed behind the host or the protocol, and a scope's name that is blank."""
    scope = {"host": "h\n", "protocol": "bolt\n", "username": "u", "password": "p"}
    assert build.neo4j_settings(_collect(dbutils=Dbutils({"s": scope}), scope=" s ")).uri == "bolt://h"
    assert _collect(environment={"SECRET_SCOPE": "  "}).scope is None


def test_a_wrong_host_in_a_scope_is_named_as_such():
    """A whole address where the host alone belongs names the scope, and no variable."""
    scope = {"host": "neo4j+s://h", "username": "u", "password": "p"}
    with pytest.raises(SettingsError, match=r"host in secret scope s: a Neo4j address .* a host alone has no scheme"):
        build.neo4j_settings(_collect(dbutils=Dbutils({"s": scope}), scope="s"))


def test_a_scope_may_have_dashes_or_the_names_of_variables():
    """Azure Key Vault allows no underscores, and keeps one list of names for many programs; a mark is no value."""
    scope = {
        "neo4j-host": "\ufeffh", "NEO4J_USER": "u", "password": "p", "neo4j-password": "other", "Neo4j-Database": "d",
        "databricks-client-id": "id", "databricks-client-secret": "hush", "databricks_client_secret": "secret",
    }  # fmt: skip
    found = _collect(dbutils=Dbutils({"s": scope}), scope="s")
    assert {name: hit.value for name, hit in found.items()} == {
        "host": "h", "username": "u", "password": "p", "database": "d", "client_id": "id", "client_secret": "secret",
    }  # fmt: skip
    assert load_utils.load_config(Dbutils({"s": scope}), "s").uri == "neo4j+s://h"


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
        build.neo4j_settings(_collect(dbutils=Dbutils({"s": scope}), scope="s"))
