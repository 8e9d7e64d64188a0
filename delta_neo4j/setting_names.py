"""The table of settings: what flags, variables, secret scopes, `.env.sample` and the docs call each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DEFAULT_SCOPE = "airline-neo4j-secrets"
DEFAULT_PROTOCOL = "neo4j+s"  # Aura's, and of anything with a real certificate


@dataclass(frozen=True)
class Setting:
    """One setting: its name here, the variables that carry it (first one wins), its key in a secret scope."""

    name: str
    variables: tuple[str, ...]
    secret_key: str | None = None
    secret: bool = False


SETTINGS = (
    Setting("uri", ("NEO4J_URI",)),
    Setting("host", ("NEO4J_HOST",), "host"),
    Setting("protocol", ("NEO4J_PROTOCOL",), "protocol"),
    Setting("username", ("NEO4J_USERNAME", "NEO4J_USER"), "username"),
    Setting("password", ("NEO4J_PASSWORD",), "password", secret=True),
    Setting("database", ("NEO4J_DATABASE",), "database"),
    Setting("mapping", ("MAPPING",)),
    Setting("source", ("SOURCE_TABLE",)),
    Setting("source_mode", ("SOURCE_MODE",)),
    Setting("state", ("STATE_LOCATION",)),
    Setting("checkpoint", ("CHECKPOINT_LOCATION",)),
    Setting("batch_size", ("BATCH_SIZE",)),
    Setting("bytes_per_row", ("BYTES_PER_ROW",)),
    Setting("write_partitions", ("WRITE_PARTITIONS",)),
    Setting("embedder", ("EMBEDDER",)),
    Setting("endpoint", ("EMBEDDING_ENDPOINT",)),
    Setting("endpoint_wait", ("ENDPOINT_WAIT_S",)),
    Setting("url", ("EMBEDDING_URL",)),
    Setting("token", ("EMBEDDING_TOKEN",), secret=True),
    Setting("databricks_host", ("DATABRICKS_HOST",)),
    Setting("client_id", ("DATABRICKS_CLIENT_ID",), "databricks_client_id"),
    Setting("client_secret", ("DATABRICKS_CLIENT_SECRET",), "databricks_client_secret", secret=True),
    Setting("runtime", ("DATABRICKS_RUNTIME_VERSION",)),
    Setting("budget_texts", ("BUDGET_TEXTS",)),
    Setting("budget_minutes", ("BUDGET_MINUTES",)),
    Setting("budget_cost", ("BUDGET_COST",)),
    Setting("price_per_hour", ("PRICE_PER_HOUR",)),
)


@dataclass(frozen=True)
class Found:
    """A value and where it was found; a secret prints as stars."""

    value: Any
    origin: str
    secret: bool = False
    rank: int = 0  # of the origin: lower wins, where two settings say the same thing

    def __repr__(self) -> str:
        """Show the value unless it is a secret."""
        return f"Found({'***' if self.secret else self.value!r}, {self.origin!r})"


class Origins(dict[str, Found]):
    """What was found, by setting; `scope` is the secret scope that was read, None where none was."""

    def __init__(self, scope: str | None = None) -> None:
        super().__init__()
        self.scope = scope
