"""Collected values as settings: their form, the line when one is wrong, and no secret in any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import build, collect

NEO4J = {"NEO4J_URI": "bolt://127.0.0.1:7687", "NEO4J_USERNAME": "neo4j", "NEO4J_PASSWORD": "pass-word"}


def _collect(**arguments):
    return collect.collect(**{"environment": {}, "env_file": "", **arguments})


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
    assert build.neo4j_settings(_collect(environment=environment)).uri == uri


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"NEO4J_PASSWORD": ""}, "NEO4J_PASSWORD is not set"),
        ({"NEO4J_URI": "http://h"}, "neo4j+s://HOST"),
        ({"NEO4J_URI": "bolt://user:secret-in-uri@h"}, "no user name and password"),
        ({"NEO4J_URI": "neo4j+s://user:pa/ss-secret-in-uri@h"}, "no user name and password"),
        ({"NEO4J_URI": "", "NEO4J_HOST": "user:secret-in-uri@h"}, "NEO4J_HOST: a Neo4j address has no user name"),
        ({"NEO4J_URI": "", "NEO4J_HOST": "neo4j+s://h"}, "NEO4J_HOST: a Neo4j address looks like"),
        ({"NEO4J_URI": "bolt://h:port"}, "the port of an address is a number"),
        ({"NEO4J_URI": "bolt://h:99999"}, "the port of an address is a number"),
        ({"NEO4J_URI": "bolt://h?policy=x"}, "takes no `?…`"),
        ({"NEO4J_URI": ""}, "NEO4J_URI is not set"),
    ],
)
def test_a_wrong_setting_is_named_as_the_user_knows_it(change, words):
    """One line with the variable's name; no secret in it."""
    with pytest.raises(SettingsError) as caught:
        build.neo4j_settings(_collect(environment={**NEO4J, **change}))
    assert words in str(caught.value)
    assert "secret-in-uri" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("BATCH_SIZE", "many"), ("ENDPOINT_WAIT_S", "inf"), ("BUDGET_MINUTES", "inf"), ("SOURCE_MODE", "feed")],
)
def test_a_number_that_is_none_is_refused(name, value):
    """A figure that is not one names its variable."""
    with pytest.raises(SettingsError, match=name):
        build.load_settings(_collect(environment={**NEO4J, name: value}))


def test_a_token_is_what_a_header_can_hold():
    """The line feed that `echo` leaves behind goes; one inside is refused, and not shown."""
    settings = build.embedding_settings(_collect(environment={"EMBEDDING_TOKEN": "dapi-secret\n"}))
    assert settings.token.get_secret_value() == "dapi-secret"
    with pytest.raises(SettingsError, match="EMBEDDING_TOKEN: has a line break") as refused:
        build.embedding_settings(_collect(environment={"EMBEDDING_TOKEN": "dapi\nsecret"}))
    assert "secret" not in str(refused.value)


def test_what_is_kept_of_settings_has_no_query():
    """What stands behind an address's question mark may be a key."""
    found = _collect(environment={**NEO4J, "EMBEDDING_URL": "http://h/invocations?code=s3cr3t"})
    settings = build.load_settings(found)
    assert settings.embedding.url == "http://h/invocations?code=s3cr3t"
    assert "s3cr3t" not in settings.model_dump_json()


def test_a_schema_as_state_needs_a_checkpoint_only_where_one_is_used():
    """Looking at the state's tables is told nothing more; a load says how a folder is written."""
    found = _collect(environment={**NEO4J, "STATE_LOCATION": "state"})
    assert build.state_location(found) == "state"
    assert build.state_location(_collect()) == str(Path(".delta-neo4j").absolute())
    with pytest.raises(SettingsError, match=r"set --checkpoint to a folder .*, or write \./state if"):
        build.load_settings(found)


def test_secrets_print_as_stars():
    """No form of the settings shows the password or the token."""
    found = _collect(environment={**NEO4J, "EMBEDDING_TOKEN": "tok-en"})
    settings = build.load_settings(found)
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
    assert build.parse_sources(given) == expected


@pytest.mark.parametrize("elsewhere", [{"DATABRICKS_RUNTIME_VERSION": "16.4"}, {"SPARK_REMOTE": "sc://h:15002"}])
def test_a_search_needs_no_state(elsewhere):
    """Where Spark runs elsewhere the default folder is no state; only a state that somebody has named is refused."""
    assert build.search_state(_collect(environment=elsewhere)) == ""
    assert build.search_state(_collect(environment=elsewhere, flags={"state": "main.loads"})) == "main.loads"
    with pytest.raises(SettingsError, match="relative"):
        build.search_state(_collect(environment=elsewhere, flags={"state": "./here"}))
