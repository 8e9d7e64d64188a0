"""Build validated settings from the collected values: one function for each set of settings that a command needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from delta_neo4j.errors import SettingsError
from delta_neo4j.settings.locations import absolute, folder
from delta_neo4j.settings.names import BY_NAME, DEFAULTS, SCOPE_RANK, Found
from delta_neo4j.settings.values import EmbeddingSettings, LoadSettings, Neo4jSettings, StreamSettings, TextSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

Model = TypeVar("Model", bound=BaseModel)
Tables = TypeVar("Tables", bound=TextSettings)
_NEO4J = ("uri", "username", "password", "database")
_EMBEDDING = {  # field of EmbeddingSettings → setting
    "embedder": "embedder",
    "endpoint": "endpoint",
    "url": "url",
    "token": "token",
    "databricks_host": "databricks_host",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "wait_seconds": "endpoint_wait",
    "runtime": "runtime",
}


def neo4j_settings(found: Mapping[str, Found]) -> Neo4jSettings:
    """
    Return the Neo4j settings; raise `SettingsError` if one is missing or wrong.

    If one origin has both, the whole address (NEO4J_URI) wins over protocol and host.
    """
    values = {name: found[name].value for name in _NEO4J if name in found}
    names = {name: BY_NAME[name].variables[0] for name in _NEO4J}
    if "host" in found and ("uri" not in found or found["host"].rank < found["uri"].rank):
        protocol = found["protocol"].value if "protocol" in found else DEFAULTS["protocol"]
        values["uri"] = f"{protocol}://{found['host'].value}"
        in_scope = found["host"].rank == SCOPE_RANK
        names["uri"] = f"host in {found['host'].origin}" if in_scope else BY_NAME["host"].variables[0]
    return _validated(Neo4jSettings, values, names, getattr(found, "scope", None) or "")


def embedding_settings(found: Mapping[str, Found]) -> EmbeddingSettings:
    """Return the settings of embedding; raise `SettingsError` if one is wrong."""
    values = {field: found[name].value for field, name in _EMBEDDING.items() if name in found}
    return _validated(
        EmbeddingSettings, values, {field: BY_NAME[name].variables[0] for field, name in _EMBEDDING.items()}
    )


def load_settings(found: Mapping[str, Found], **switches: bool | int | None) -> LoadSettings:
    """Return all settings of a load; `switches`: its fields that have no row in `names`."""
    return _table_settings(LoadSettings, found, neo4j=neo4j_settings(found), **switches)


def stream_settings(found: Mapping[str, Found]) -> StreamSettings:
    """Return the settings of `plan`, which reads the tables as streams; Neo4j may be unset."""
    return _table_settings(StreamSettings, found)


def text_settings(found: Mapping[str, Found]) -> TextSettings:
    """Return the settings of `embed`, which fills the embedding cache; Neo4j may be unset."""
    return _table_settings(TextSettings, found)


def state_location(found: Mapping[str, Found]) -> str:
    """Return the state location, the only setting that reading the state tables needs."""
    try:
        return folder(str(found["state"].value if "state" in found else DEFAULTS["state"]), local=_is_local(found))
    except ValueError as error:
        raise SettingsError(f"{BY_NAME['state'].variables[0]}: {error}") from None


def search_state(found: Mapping[str, Found]) -> str:
    """Return the state location for a search, which needs none: "" if none is given and the default is no folder."""
    try:
        return state_location(found)
    except SettingsError:
        if "state" in found:
            raise
        return ""


def located(found: Mapping[str, Found], location: str) -> str:
    """Return a source as `locations.absolute` spells it; raise `SettingsError` if it names no place for Spark."""
    try:
        return absolute(location, local=_is_local(found))
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _is_local(found: Mapping[str, Found]) -> bool:
    return not found.keys() & {"runtime", "spark_remote"}


def parse_sources(given: str | tuple[str, ...]) -> dict[str, str]:
    """
    Split values `[NAME=]TABLE_OR_PATH` into sources by table name.

    The key "" is the source of the mapping's only table. A folder with a name such as `year=2024` is a path. Raises
    `SettingsError` for a table that is named twice.
    """
    sources: dict[str, str] = {}
    for item in (given,) if isinstance(given, str) else given:
        name, separator, source = item.partition("=")
        if not separator or not name.isidentifier() or Path(item).exists():
            name, source = "", item if "/" in item or not Path(item).is_dir() or not separator else f"./{item}"
        if name in sources:
            raise SettingsError(f"--source is given twice for {name or 'the same table'}")
        sources[name] = source
    return sources


def _table_settings(model: type[Tables], found: Mapping[str, Found], **more: Any) -> Tables:
    names = [name for name in model.model_fields if name in BY_NAME]
    values: dict[str, Any] = {name: found[name].value for name in names if name in found}
    values["embedding"] = embedding_settings(found)
    values["sources"] = parse_sources(found["source"].value if "source" in found else ())
    return _validated(model, {**values, **more}, {name: BY_NAME[name].variables[0] for name in names})


def _validated(model: type[Model], values: Mapping[str, Any], names: Mapping[str, str], scope: str = "") -> Model:
    """Return `model(**values)`; raise `SettingsError` with the variable (from `names`, by field) and the fault."""
    try:
        return model(**values)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        field = str(fault["loc"][0]) if fault["loc"] else "settings"
        variable = names.get(field, field)
        if fault["type"] == "missing":
            raise SettingsError(f"{variable} is not set; {_remedy(field, scope)}") from None
        raise SettingsError(f"{variable}: {fault['msg'].removeprefix('Value error, ')}") from None


def _remedy(field: str, scope: str) -> str:
    if not scope:
        return "set it in the environment, in .env or in the secret scope"
    key = "host" if field == "uri" else field
    return (
        f"secret scope {scope!r} has no key {key!r}: write it with `databricks secrets put-secret {scope} {key}`, "
        f"or all of them with ./setup_secrets.sh {scope}, which also says how to write a scope in Azure Key Vault"
    )
