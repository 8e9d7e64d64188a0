"""Where the connection comes from, and whether it works: the helpers of the quick start."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

try:
    from delta_neo4j import config as _config
    from delta_neo4j import server as _server
    from delta_neo4j import transactions as _transactions
    from delta_neo4j.errors import LoaderError as _LoaderError
    from delta_neo4j.plan import Connection as _Connection
    from delta_neo4j.setting_names import DEFAULT_SCOPE as _DEFAULT_SCOPE
except ImportError as missing:
    raise SystemExit(
        f"{missing.name or missing} is missing: %pip install delta-neo4j, "
        "or put the delta_neo4j folder beside this file"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import neo4j


@dataclass(frozen=True)
class Config:
    """A connection's parts; the password prints nowhere."""

    host: str
    protocol: str
    username: str
    password: str = field(repr=False)
    database: str

    @property
    def uri(self) -> str:
        """The whole address."""
        return f"{self.protocol}://{self.host}"

    def connection(self) -> _Connection:
        """Give the form that the loader uses."""
        return _Connection(self.uri, self.username, self.password, self.database, retry_seconds=30.0)


def load_config(dbutils: Any, scope: str = _DEFAULT_SCOPE) -> Config:
    """
    Read the connection from a secret scope: keys `host`, `username`, `password`, `database`, `protocol`.

    `database` defaults to `neo4j`, `protocol` to `neo4j+s`. A scope that cannot be read, or a key that is
    missing, raises `SettingsError` in one line.
    """
    settings = _config.neo4j_settings(_config.collect(environment={}, env_file="", dbutils=dbutils, scope=scope))
    protocol, _, host = settings.uri.partition("://")
    return Config(host, protocol, settings.username, settings.password.get_secret_value(), settings.database)


def test_neo4j_connection(config: Config) -> bool:
    """Tell whether Neo4j answers with these settings; the reason why not is printed."""
    try:
        version = _server.server_version(config.connection())
    except _LoaderError as error:
        print(f"no connection: {error}")  # noqa: T201  # a notebook user reads this
        return False
    print(f"connected to Neo4j {version} at {config.uri}, database {config.database}")  # noqa: T201
    return True


test_neo4j_connection.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it where it is imported


@contextmanager
def neo4j_driver(config: Config) -> Iterator[neo4j.Driver]:
    """Open a driver for a `with` block."""
    with _transactions.open_driver(config.connection()) as driver:
        yield driver
