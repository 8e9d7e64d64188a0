"""The quick start's `load_config` over a stand-in `dbutils`."""

from __future__ import annotations

import pytest

from delta_neo4j.errors import SettingsError
from load_utils import load_config
from tests.support.dbutils import Dbutils


def test_the_protocol_defaults_to_aura():
    """Without a protocol the address is an encrypted, routed one."""
    scope = {"host": "x.databases.neo4j.io", "username": "u", "password": "p"}
    assert load_config(Dbutils({"s": scope}), "s").uri == "neo4j+s://x.databases.neo4j.io"


def test_a_missing_key_is_named():
    """The line says which value is missing."""
    with pytest.raises(SettingsError, match="NEO4J_PASSWORD"):
        load_config(Dbutils({"s": {"host": "h", "username": "u"}}), "s")
