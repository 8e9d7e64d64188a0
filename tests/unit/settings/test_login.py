"""The login to a Databricks workspace, as the workspace's SDK finds it."""

from __future__ import annotations

import sys
import types

import pytest

from delta_neo4j.errors import SettingsError
from delta_neo4j.settings import login


def _sdk(monkeypatch, config):
    """Replace the SDK by one with this `Config`, or by none."""
    for name in ("databricks", "databricks.sdk"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    module = types.SimpleNamespace(Config=config) if config else None
    monkeypatch.setitem(sys.modules, "databricks.sdk.core", module)


def test_the_login_of_the_workspace_is_taken(monkeypatch):
    """The login that Databricks' SDK finds gives address and headers, fresh for each call, within 10 seconds."""
    made = []

    def authenticate():
        made.append(1)
        return {"Authorization": f"Bearer {len(made)}"}

    found = types.SimpleNamespace(host="https://adb-1.azuredatabricks.net", authenticate=authenticate)
    limits = {}
    _sdk(monkeypatch, lambda **options: limits.update(options) or found)
    host, headers = login.databricks_login()
    assert limits == {"http_timeout_seconds": 5, "retry_timeout_seconds": 10}
    assert host == "https://adb-1.azuredatabricks.net"
    assert [headers(), headers()] == [{"Authorization": "Bearer 2"}, {"Authorization": "Bearer 3"}]


def test_without_the_sdk_the_line_names_it(monkeypatch):
    """Without Databricks' SDK there is no login, and the error names the package."""
    _sdk(monkeypatch, None)
    with pytest.raises(SettingsError, match=r"run `databricks auth login`, or set DATABRICKS_HOST.*databricks-sdk"):
        login.databricks_login()


def test_no_login_is_one_line(monkeypatch):
    """If the SDK finds no login, the error has its first line and the ways to log in."""

    def config(**_):
        raise ValueError("default auth: cannot configure default credentials\nlong explanation")

    _sdk(monkeypatch, config)
    with pytest.raises(SettingsError, match=r"no Databricks login found .default auth: cannot") as refused:
        login.databricks_login()
    assert "\n" not in str(refused.value)
