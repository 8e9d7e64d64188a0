"""
Where settings come from: flag, environment, env file, secret scope, default, in that order.

The one reader of the environment; `setting_names` has the table of what is looked for.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError

from delta_neo4j.errors import SettingsError
from delta_neo4j.setting_names import DEFAULT_PROTOCOL, SETTINGS, Found, Origins, Setting
from delta_neo4j.settings import EmbeddingSettings, LoadSettings, Neo4jSettings, StreamSettings, TextSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_SCOPE_RANK = 3  # behind flag, environment and env file


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
    Find each setting at its first origin.

    A named `env_file` must exist; without a name `.env` is read when it is there, with "" no file. Blank
    values are unset.
    """
    environment = os.environ if environment is None else environment
    file_values = _read_env_file(env_file)
    told = (scope, environment.get("SECRET_SCOPE"), file_values.get("SECRET_SCOPE"))
    scope = next((each.strip() for each in told if each and each.strip()), None)
    secrets = _ScopeReader(dbutils, scope) if scope else None
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
    secrets: _ScopeReader | None,
    defaults: Mapping[str, Any],
) -> Found | None:
    if flags.get(setting.name) not in (None, "", ()):
        return Found(flags[setting.name], "flag", setting.secret)
    for rank, (origin, values) in enumerate((("environment", environment), ("env file", file_values)), 1):
        for variable in setting.variables:
            if values.get(variable, "").strip():
                # A blank may belong to a password; around anything else it is a slip of the hand.
                told = values[variable] if setting.secret else values[variable].strip()
                return Found(told, f"{origin} {variable}", setting.secret, rank)
    if secrets and setting.secret_key:
        value = secrets.get(setting.secret_key)
        if value and not setting.secret:
            value = value.strip()  # `echo HOST | databricks secrets put-secret` leaves a line feed behind it
        if value:
            return Found(value, f"secret scope {secrets.scope}", setting.secret, _SCOPE_RANK)
    if setting.name in defaults:
        return Found(defaults[setting.name], "job file", setting.secret)
    return None


def _read_env_file(name: str | None) -> dict[str, str]:
    if name == "":
        return {}
    path = Path(name or ".env")
    if not path.is_file():
        if name:
            raise SettingsError(f"the env file {name} is not there; copy .env.sample to it and fill it in")
        return {}
    # Parsed, never sourced: no command substitution, no interpolation of other variables.
    try:
        values = dotenv_values(path, interpolate=False)
    except UnicodeDecodeError:
        raise SettingsError(f"the env file {path} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(f"the env file {path} cannot be read: {error.strerror}") from error
    return {key: value for key, value in values.items() if value is not None}


class _ScopeReader:
    """Reads one secret scope through `dbutils`; a key that is absent is unset, an absent scope is an error."""

    def __init__(self, dbutils: Any, scope: str) -> None:
        self.scope = scope
        self._secrets = (dbutils or databricks_utilities()).secrets
        self._keys: set[str] | None = None

    def get(self, key: str) -> str | None:
        try:
            if self._keys is None:
                self._keys = {item.key for item in self._secrets.list(self.scope)}
            return str(self._secrets.get(scope=self.scope, key=key)) if key in self._keys else None
        except Exception as error:
            # dbutils raises whatever its bridge raises; every one of them means the scope cannot be read.
            told = f"{type(error).__name__}: {_first_line(error)}"
            raise SettingsError(_scope_fault(self.scope, told)) from error


def _scope_fault(scope: str, told: str) -> str:
    # The two faults differ in who can mend them; the words are those of the secrets API and of dbutils.
    if re.search(r"PERMISSION_?DENIED|does not have (READ|permission)|\b403\b", told, re.IGNORECASE):
        return (
            f"Secret scope {scope!r} refuses you ({told}); whoever manages it runs "
            f"`databricks secrets put-acl {scope} PRINCIPAL READ`, or ./setup_secrets.sh {scope} --reader PRINCIPAL"
        )
    if re.search(r"does ?not ?exist", told, re.IGNORECASE):
        return f"Secret scope not found: {scope!r} ({told}); create it with ./setup_secrets.sh {scope}"
    return (
        f"Secret scope {scope!r} cannot be read ({told}); see `databricks secrets list-scopes`, "
        f"create it with ./setup_secrets.sh {scope}, or ask its owner for READ"
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"


def databricks_utilities() -> Any:
    """Give `dbutils` where a notebook does not hand it over, or say that this is not Databricks."""
    try:
        from databricks.sdk.runtime import dbutils
    except Exception as error:
        # Outside a workspace the import itself fails, with an error of the SDK's choosing.
        raise SettingsError("a secret scope was asked for, but this is not a Databricks workspace") from error
    return dbutils


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: Mapping[str, Any], names: Mapping[str, str], scope: str = "") -> Model:
    """Build `model` from `values`, or raise one line that names the setting as the user knows it."""
    try:
        return model(**values)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        field = str(fault["loc"][0]) if fault["loc"] else "settings"
        setting = names.get(field, field)
        if fault["type"] == "missing":
            raise SettingsError(f"{setting} is not set; {_where(field, scope)}") from None
        raise SettingsError(f"{setting}: {fault['msg'].removeprefix('Value error, ')}") from None


def _where(field: str, scope: str) -> str:
    if not scope:
        return "give it in the environment, in .env or in the secret scope"
    key = "host" if field == "uri" else field
    return (
        f"secret scope {scope!r} has no key {key!r}: write it with `databricks secrets put-secret {scope} {key}`, "
        f"or all of them with ./setup_secrets.sh {scope}"
    )


def neo4j_settings(found: Mapping[str, Found]) -> Neo4jSettings:
    """Put the address together: a whole URI wins over protocol and host of the same origin."""
    values = {name: found[name].value for name in ("username", "password", "database") if name in found}
    if "uri" in found:
        values["uri"] = found["uri"].value
    names = {name: _BY_NAME[name].variables[0] for name in ("uri", "username", "password", "database")}
    if "host" in found and ("uri" not in found or found["host"].rank < found["uri"].rank):
        protocol = found["protocol"].value if "protocol" in found else DEFAULT_PROTOCOL
        values["uri"] = f"{protocol}://{found['host'].value}"
        in_scope = found["host"].rank == _SCOPE_RANK
        names["uri"] = f"host in {found['host'].origin}" if in_scope else _BY_NAME["host"].variables[0]
    return validated(Neo4jSettings, values, names, getattr(found, "scope", None) or "")


_EMBEDDING = {
    "embedder": "embedder",
    "endpoint": "endpoint",
    "url": "url",
    "token": "token",
    "databricks_host": "databricks_host",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "endpoint_wait": "wait_seconds",
    "runtime": "runtime",
}
_TEXT = (
    "mapping", "state", "checkpoint", "write_partitions", "budget_texts", "budget_minutes", "budget_cost",
    "price_per_hour",
)  # fmt: skip
_STREAM = (*_TEXT, "source_mode", "batch_size", "bytes_per_row")


def embedding_settings(found: Mapping[str, Found]) -> EmbeddingSettings:
    """Give the embedding part."""
    values = {field: found[name].value for name, field in _EMBEDDING.items() if name in found}
    return validated(
        EmbeddingSettings, values, {field: _BY_NAME[name].variables[0] for name, field in _EMBEDDING.items()}
    )


def load_settings(found: Mapping[str, Found], **switches: bool) -> LoadSettings:
    """Give everything a load is told."""
    values = {**_shared(found, _STREAM), "neo4j": neo4j_settings(found), **switches}
    return validated(LoadSettings, values, {name: _BY_NAME[name].variables[0] for name in _STREAM})


def stream_settings(found: Mapping[str, Found]) -> StreamSettings:
    """Give what looking at the tables as streams is told: no word about Neo4j is needed."""
    return validated(StreamSettings, _shared(found, _STREAM), {name: _BY_NAME[name].variables[0] for name in _STREAM})


def text_settings(found: Mapping[str, Found]) -> TextSettings:
    """Give what filling the cache is told: no word about Neo4j is needed."""
    return validated(TextSettings, _shared(found, _TEXT), {name: _BY_NAME[name].variables[0] for name in _TEXT})


def state_location(found: Mapping[str, Found]) -> str:
    """Give where the state tables are: all that looking at them needs."""
    return str(found["state"].value if "state" in found else TextSettings.model_fields["state"].default)


def _shared(found: Mapping[str, Found], names: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {name: found[name].value for name in names if name in found}
    values["embedding"] = embedding_settings(found)
    values["sources"] = parse_sources(found["source"].value if "source" in found else ())
    return values


def parse_sources(given: str | tuple[str, ...]) -> dict[str, str]:
    """Split `[NAME=]TABLE_OR_PATH` values; a value without a name is the source of the only table."""
    sources: dict[str, str] = {}
    for item in (given,) if isinstance(given, str) else given:
        name, separator, source = item.partition("=")
        if not separator or not name.isidentifier():
            name, source = "", item
        if name in sources:
            raise SettingsError(f"--source is given twice for {name or 'the same table'}")
        sources[name] = source
    return sources


def databricks_login(
    environment: Mapping[str, str] | None = None,
) -> tuple[str, Callable[[], Mapping[str, str]]]:
    """
    Give a workspace's address and what makes fresh headers for it.

    Found as Databricks' SDK finds it (the notebook's own login, `databricks auth login`, DATABRICKS_*); without
    the SDK, from DATABRICKS_HOST and DATABRICKS_TOKEN. Raises SettingsError where there is no login.
    """
    remedy = "run `databricks auth login`, or set DATABRICKS_HOST and DATABRICKS_TOKEN"
    try:
        from databricks.sdk import WorkspaceClient
    except ImportError:
        environment = os.environ if environment is None else environment
        host, token = environment.get("DATABRICKS_HOST", ""), environment.get("DATABRICKS_TOKEN", "")
        if not host or not token:
            raise SettingsError(f"no Databricks login is known here: {remedy}") from None
        return host, lambda: {"Authorization": f"Bearer {token}"}
    try:
        login = WorkspaceClient().config
        # A login that cannot be used shows here, before anything is begun.
        login.authenticate()
    except Exception as error:
        # Every way to log in has errors of its own, from ValueError to a subprocess that failed.
        raise SettingsError(f"no Databricks login is known here ({_first_line(error)}): {remedy}") from error
    return str(login.host), login.authenticate
