"""
Collect settings from flags, environment, env file, secret scope and the job file's constants, in that order.

Only this module, `login` and `cli` read the environment; `names` has the table of settings.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from delta_neo4j.settings.env_file import read as read_env_file
from delta_neo4j.settings.names import SCOPE_RANK, SCOPE_VARIABLE, SETTINGS, Found, Origins, Setting
from delta_neo4j.settings.secret_scope import ScopeReader

if TYPE_CHECKING:
    from collections.abc import Mapping


def collect(
    flags: Mapping[str, Any] | None = None,
    *,
    env_file: str | None = None,
    environment: Mapping[str, str] | None = None,
    dbutils: Any = None,
    scope: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Origins:
    """
    Return every setting that is set, from the first origin that has it; a blank value counts as unset.

    `env_file`: None reads `.env` if it exists, "" reads no file, any other file must exist. `environment`: None reads
    `os.environ`. `dbutils`: the notebook's own. `scope`: name of the secret scope; None takes SECRET_SCOPE, and if
    that is unset too, no scope is read. `defaults`: the job file's constants. Raises `SettingsError` if the env file
    or the secret scope cannot be read.
    """
    environment = os.environ if environment is None else environment
    file_values = read_env_file(env_file)
    scopes = (scope, environment.get(SCOPE_VARIABLE), file_values.get(SCOPE_VARIABLE))
    scope = next((each.strip() for each in scopes if each and each.strip()), None)
    secrets = ScopeReader(dbutils, scope) if scope else None
    found = Origins(scope=scope)
    for setting in SETTINGS:
        hit = _first(setting, flags or {}, environment, file_values, secrets, defaults or {})
        if hit is not None:
            found[setting.name] = hit
    return found


def _first(  # noqa: PLR0917  # the origins, in their order
    setting: Setting,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    file_values: Mapping[str, str],
    secrets: ScopeReader | None,
    defaults: Mapping[str, Any],
) -> Found | None:
    if flags.get(setting.name) not in (None, "", ()):
        return Found(flags[setting.name], "flag", setting.secret)
    for rank, (origin, values) in enumerate((("environment", environment), ("env file", file_values)), 1):
        for variable in setting.variables:
            if values.get(variable, "").strip():
                # Blanks at the ends may belong to a password; in any other value they are a typing error.
                value = values[variable].strip("\r\n\ufeff") if setting.secret else values[variable].strip()
                return Found(value, f"{origin} {variable}", setting.secret, rank)
    if secrets and setting.scope_keys:
        held = secrets.get(*setting.scope_keys)
        # `echo HOST | databricks secrets put-secret` stores a line feed at the end.
        secret = (held or "").strip("\r\n" if setting.secret else None)
        if secret:
            return Found(secret, f"secret scope {secrets.scope}", setting.secret, SCOPE_RANK)
    if setting.name in defaults:
        return Found(defaults[setting.name], "job file", setting.secret)
    return None
