"""Helpers for notebooks: read the connection to Neo4j from a secret scope, test the connection, open a driver."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

try:
    from delta_neo4j.errors import LoaderError as _LoaderError
    from delta_neo4j.graph.bolt import server as _server
    from delta_neo4j.graph.bolt import transactions as _transactions
    from delta_neo4j.settings.build import neo4j_settings as _neo4j_settings
    from delta_neo4j.settings.collect import collect as _collect
    from delta_neo4j.settings.connection import Connection as _Connection
    from delta_neo4j.settings.names import DEFAULT_SCOPE as _DEFAULT_SCOPE
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
    """The parts of a connection; `repr` hides the password."""

    host: str
    protocol: str
    username: str
    password: str = field(repr=False)
    database: str

    @property
    def uri(self) -> str:
        """The whole address, as in neo4j+s://HOST."""
        return f"{self.protocol}://{self.host}"

    def connection(self) -> _Connection:
        """Return the connection in the form that the loader uses."""
        return _Connection(self.uri, self.username, self.password, self.database, retry_seconds=30.0)


def load_config(dbutils: Any, scope: str = _DEFAULT_SCOPE) -> Config:
    """
    Read the connection from a secret scope: keys `host`, `username`, `password`, `database`, `protocol`.

    `database` defaults to `neo4j`, `protocol` to `neo4j+s`. Raises `SettingsError` if the scope cannot be read or a
    key is missing.
    """
    settings = _neo4j_settings(_collect(environment={}, env_file="", dbutils=dbutils, scope=scope))
    protocol, _, host = settings.uri.partition("://")
    return Config(host, protocol, settings.username, settings.password.get_secret_value(), settings.database)


def test_neo4j_connection(config: Config) -> bool:
    """Return whether Neo4j answers, and print its version or the reason why not."""
    try:
        version = _server.server_version(config.connection())
    except _LoaderError as error:
        print(f"no connection: {error}")  # noqa: T201  # a notebook user reads this
        return False
    print(f"connected to Neo4j {version} at {config.uri}, database {config.database}")  # noqa: T201
    return True


test_neo4j_connection.__test__ = False  # type: ignore[attr-defined]  # its name would make pytest collect it as a test


@contextmanager
def neo4j_driver(config: Config) -> Iterator[neo4j.Driver]:
    """Open a Neo4j driver for a `with` block, and close it at the end of the block."""
    with _transactions.open_driver(config.connection()) as driver:
        yield driver
