"""What a run may be told: validated values, wherever they came from (`config` knows that)."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_serializer,
    field_validator,
    model_validator,
)

from delta_neo4j.budget import Budget
from delta_neo4j.errors import SettingsError
from delta_neo4j.plan import Connection

LOOPBACK = ("localhost", "127.0.0.1", "::1")
NEO4J_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")

# The job file's constants are these same figures; `removals_spark_loader` shows them to people.
BATCH_SIZE = 20_000
BYTES_PER_ROW = 1_000
WRITE_PARTITIONS = 2


def _blank_is_unset(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _fit_for_a_header(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value().strip()  # `echo TOKEN | …` leaves a line feed behind it
    if not (value.isascii() and value.isprintable()):
        raise ValueError("holds a line break or a character that no token has; write it anew")
    return SecretStr(value)


OptionalText = Annotated[str | None, BeforeValidator(_blank_is_unset)]
# What is sent in a header: HTTP's own refusal would print it.
HeaderSecret = Annotated[SecretStr, AfterValidator(_fit_for_a_header)]
Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _check_port(parts: SplitResult) -> None:
    try:
        parts.port  # noqa: B018  # read when asked for
    except ValueError:
        raise ValueError("the port of an address is a number from 0 to 65535") from None


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Neo4jSettings(_Values):
    """Where the graph is. `uri` is a whole address; `password` prints as stars."""

    uri: str
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)
    database: str = Field("neo4j", min_length=1)

    @field_validator("uri")
    @classmethod
    def _known_scheme(cls, uri: str) -> str:
        if "@" in uri:  # wherever it stands: a slash in a password ends the host for a parser, not for a person
            raise ValueError("a Neo4j address carries no user name and password; give them on their own")
        parts = urlsplit(uri)
        if parts.scheme not in NEO4J_SCHEMES or not parts.hostname or "://" in uri.removeprefix(f"{parts.scheme}://"):
            raise ValueError(
                "a Neo4j address looks like neo4j+s://HOST, a host alone has no scheme; "
                f"the scheme is one of {', '.join(NEO4J_SCHEMES)}"
            )
        _check_port(parts)
        if parts.query and parts.scheme.startswith("bolt"):
            raise ValueError("a bolt address takes no `?`: routing belongs to the neo4j schemes")
        return uri

    def require_local(self, *, allow_remote: bool) -> None:
        """Raise `SettingsError` for a server elsewhere, unless that is meant: what removes must not hit by mistake."""
        if not allow_remote and urlsplit(self.uri).hostname not in LOOPBACK:
            raise SettingsError(f"Neo4j at {self.uri} is not on this machine: add --allow-remote if it is meant")

    def connection(self, retry_seconds: float = 300.0) -> Connection:
        """Give the plain form that travels to writers."""
        secret = self.password.get_secret_value()
        return Connection(self.uri, self.username, secret, self.database, retry_seconds)


class EmbeddingSettings(_Values):
    """How texts become vectors."""

    embedder: Literal["auto", "ai_query", "rest", "in_process", "precomputed"] = "auto"
    endpoint: str = "minilm-embedder"
    url: OptionalText = None
    token: HeaderSecret | None = None
    databricks_host: OptionalText = None
    client_id: OptionalText = None
    client_secret: HeaderSecret | None = None
    wait_seconds: Figure = 600.0
    runtime: OptionalText = None  # Databricks' own name of its version, where it is one

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://unset")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an endpoint's address looks like https://HOST/serving-endpoints/NAME/invocations")
        if parts.username or parts.password:
            raise ValueError("an endpoint's address carries no user name and password; give EMBEDDING_TOKEN on its own")
        _check_port(parts)
        return url

    @field_serializer("url", when_used="json")
    def _kept_url(self, url: str | None) -> str | None:
        return url and url.partition("?")[0]  # a key may stand behind it

    @field_validator("databricks_host")
    @classmethod
    def _workspace(cls, host: str | None) -> str | None:
        if host is None:
            return None
        parts = urlsplit(host if "://" in host else f"https://{host}")
        local = parts.hostname in LOOPBACK  # a secret goes there, so TLS elsewhere
        if not parts.hostname or parts.username or parts.scheme not in ({"https", "http"} if local else {"https"}):
            raise ValueError("a workspace's address looks like https://HOST")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("endpoint")
    @classmethod
    def _endpoint_name(cls, name: str) -> str:
        # It stands in SQL and in addresses. Dots are those of Databricks' own models (system.ai.…).
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,126}", name):
            raise ValueError("an endpoint name has letters, digits, hyphens, underscores and dots")
        return name


class TextSettings(_Values):
    """What concerns tables, their texts and what embedding them may cost: all that `embed` needs."""

    embedding: EmbeddingSettings
    mapping: str = "removals"
    sources: dict[str, str] = {}
    state: str = ".delta-neo4j"
    checkpoint: OptionalText = None
    write_partitions: int = Field(WRITE_PARTITIONS, ge=1, le=1_000)
    budget_texts: int | None = Field(None, ge=0)
    budget_minutes: Figure | None = None
    budget_cost: Figure | None = None
    # Of the endpoint while it embeds, in whatever currency.
    price_per_hour: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _a_cost_has_a_price(self) -> TextSettings:
        if self.budget_cost is not None and self.price_per_hour is None:
            raise ValueError("a budget in money needs the endpoint's price: give --price-per-hour")
        return self

    @model_validator(mode="after")
    def _a_schema_needs_a_checkpoint(self) -> TextSettings:
        if self.checkpoint is None and "/" not in self.state and not self.state.startswith("."):
            raise ValueError(
                f"the state {self.state} is a schema, which holds no folder: give --checkpoint a Volume path, "
                f"or write ./{self.state} for a folder"
            )
        return self

    @property
    def checkpoints(self) -> str:
        """The folder with one checkpoint a table."""
        return self.checkpoint or f"{self.state}/checkpoints"

    def budget(self, started: float) -> Budget:
        """Give the limits of a run that started at `started` (seconds since 1970)."""
        deadline = None if self.budget_minutes is None else started + 60 * self.budget_minutes
        bought = None
        if self.budget_cost is not None and self.price_per_hour is not None:
            bought = 3600 * self.budget_cost / self.price_per_hour
        return Budget(self.budget_texts, deadline, bought)


class StreamSettings(TextSettings):
    """How the tables are read as streams: all that `plan` needs."""

    source_mode: Literal["auto", "append"] = "auto"
    batch_size: int = Field(BATCH_SIZE, ge=1, le=10_000_000)
    bytes_per_row: int = Field(BYTES_PER_ROW, ge=1)

    @property
    def max_bytes_per_trigger(self) -> int:
        """Compressed source bytes a micro-batch may read; at least one file is always read."""
        return self.batch_size * self.bytes_per_row


class LoadSettings(StreamSettings):
    """One run of the loader."""

    neo4j: Neo4jSettings
    reset_checkpoint: bool = False
    keep_going: bool = False  # at a table that fails: load the others, then fail
    graph_retry_seconds: Figure = 300.0
