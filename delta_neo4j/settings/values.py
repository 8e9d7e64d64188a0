"""Validated settings as frozen pydantic models; `build` fills them with the values that `collect` returned."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from delta_neo4j.errors import SettingsError
from delta_neo4j.settings.budget import Budget
from delta_neo4j.settings.connection import Connection
from delta_neo4j.settings.locations import absolute, folder
from delta_neo4j.settings.names import DEFAULTS, Embedder, SourceMode

LOOPBACK = ("localhost", "127.0.0.1", "::1")
NEO4J_SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")


def _blank_to_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _header_secret(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value().strip()  # `echo TOKEN | …` stores a line feed at the end
    if not (value.isascii() and value.isprintable()):
        raise ValueError("has a line break or a character that no token has; copy the token again")
    return SecretStr(value)


OptionalText = Annotated[str | None, BeforeValidator(_blank_to_none)]
# A secret that travels in an HTTP header: checked here, because the HTTP library's own error would print it.
HeaderSecret = Annotated[SecretStr, AfterValidator(_header_secret)]
FiniteFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _check_port(parts: SplitResult) -> None:
    try:
        parts.port  # noqa: B018  # urllib checks the port only when it is read
    except ValueError:
        raise ValueError("the port of an address is a number from 0 to 65535") from None


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Neo4jSettings(_Values):
    """The connection to Neo4j: `uri` is a whole address (neo4j+s://HOST), `password` prints as stars."""

    uri: str
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)
    database: str = Field(DEFAULTS["database"], min_length=1)

    @field_validator("uri")
    @classmethod
    def _known_scheme(cls, uri: str) -> str:
        if "@" in uri:  # also after a slash: a password may have one, and a parser would end the host there
            raise ValueError(
                "a Neo4j address has no user name and password in it; set NEO4J_USERNAME and NEO4J_PASSWORD"
            )
        parts = urlsplit(uri)
        if parts.scheme not in NEO4J_SCHEMES or not parts.hostname or "://" in uri.removeprefix(f"{parts.scheme}://"):
            raise ValueError(
                "a Neo4j address looks like neo4j+s://HOST, a host alone has no scheme; "
                f"the scheme is one of {', '.join(NEO4J_SCHEMES)}"
            )
        _check_port(parts)
        if parts.query and parts.scheme.startswith("bolt"):
            raise ValueError("a bolt address takes no `?…`: only the neo4j schemes have routing options")
        return uri

    def require_local(self, *, allow_remote: bool) -> None:
        """Raise `SettingsError` if Neo4j is on another machine: a delete must not reach a remote graph by mistake."""
        if not allow_remote and urlsplit(self.uri).hostname not in LOOPBACK:
            raise SettingsError(f"Neo4j at {self.uri} is on another machine; add --allow-remote to delete there")

    def connection(self, retry_seconds: float = 300.0) -> Connection:
        """Return the connection as plain values for writers, which retry for `retry_seconds`."""
        secret = self.password.get_secret_value()
        return Connection(self.uri, self.username, secret, self.database, retry_seconds)


class EmbeddingSettings(_Values):
    """The embedder, the address of its model, and the credentials for it."""

    embedder: Embedder = DEFAULTS["embedder"]
    endpoint: str = DEFAULTS["endpoint"]
    url: OptionalText = None
    token: HeaderSecret | None = None
    databricks_host: OptionalText = None
    client_id: OptionalText = None
    client_secret: HeaderSecret | None = None
    wait_seconds: FiniteFloat = DEFAULTS["endpoint_wait"]
    runtime: OptionalText = None  # version of the Databricks runtime, None outside Databricks

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://unset")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("an endpoint's address looks like https://HOST/serving-endpoints/NAME/invocations")
        if parts.username or parts.password:
            raise ValueError("an endpoint's address has no user name and password in it; set EMBEDDING_TOKEN")
        _check_port(parts)
        return url

    @field_serializer("url", when_used="json")
    def _url_without_query(self, url: str | None) -> str | None:
        return url and url.partition("?")[0]  # the query may hold an API key

    @field_validator("databricks_host")
    @classmethod
    def _workspace(cls, host: str | None) -> str | None:
        if host is None:
            return None
        parts = urlsplit(host if "://" in host else f"https://{host}")
        local = parts.hostname in LOOPBACK  # the client secret is sent there, so another machine needs TLS
        if not parts.hostname or parts.username or parts.scheme not in ({"https", "http"} if local else {"https"}):
            raise ValueError("a workspace's address looks like https://HOST")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("endpoint")
    @classmethod
    def _endpoint_name(cls, name: str) -> str:
        # The name becomes part of SQL texts and addresses. Names of Databricks' own models have dots (system.ai.…).
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,126}", name):
            raise ValueError("an endpoint name has letters, digits, hyphens, underscores and dots")
        return name


class TextSettings(_Values):
    """Tables, state, embedding and budgets: the settings that `embed` needs."""

    embedding: EmbeddingSettings
    spark_remote: OptionalText = None  # address of a Spark Connect server
    mapping: str = DEFAULTS["mapping"]
    sources: dict[str, str] = {}  # by table name of the mapping; "" is its only table
    state: str = Field(DEFAULTS["state"], validate_default=True)
    checkpoint: OptionalText = None
    write_partitions: Annotated[int, Field(ge=1, le=1_000)] | Literal["auto"] = DEFAULTS["write_partitions"]
    budget_texts: int | None = Field(None, ge=0)
    budget_minutes: FiniteFloat | None = None
    budget_cost: FiniteFloat | None = None
    price_per_hour: float | None = Field(None, gt=0, allow_inf_nan=False)

    @field_validator("sources", "state", "checkpoint")
    @classmethod
    def _absolute(cls, value: Any, info: ValidationInfo) -> Any:
        embedding = info.data.get("embedding")
        local = not (info.data.get("spark_remote") or (embedding and embedding.runtime))
        if isinstance(value, dict):
            return {name: absolute(source, local=local) for name, source in value.items()}
        if value and info.field_name == "checkpoint" and "/" not in value:
            value = f"./{value}"  # a checkpoint is a folder, never a schema
        return value and folder(value, local=local)

    def located(self, source: str) -> str:
        """Return a source of the mapping as `sources` has those of the settings; raise `SettingsError` if it cannot."""
        try:
            return absolute(source, local=not (self.spark_remote or self.embedding.runtime))
        except ValueError as error:
            raise SettingsError(f"source {error}") from None

    @model_validator(mode="after")
    def _a_cost_has_a_price(self) -> TextSettings:
        if self.budget_cost is not None and self.price_per_hour is None:
            raise ValueError("a budget of cost needs the endpoint's price; set --price-per-hour")
        return self

    @model_validator(mode="after")
    def _a_schema_needs_a_checkpoint(self) -> TextSettings:
        if self.checkpoint is None and "/" not in self.state:
            raise ValueError(
                f"the state {self.state} is a schema, which cannot hold the checkpoint folder; set --checkpoint to a "
                f"folder (on Databricks in a Volume), or write ./{self.state} if the state is a folder"
            )
        return self

    @property
    def checkpoints(self) -> str:
        """The folder with one checkpoint for each table."""
        return self.checkpoint or f"{self.state}/checkpoints"

    def budget(self, started: float) -> Budget:
        """Return the limits of a run that started at `started` (seconds since 1970)."""
        deadline = None if self.budget_minutes is None else started + 60 * self.budget_minutes
        embed_seconds = None
        if self.budget_cost is not None and self.price_per_hour is not None:
            embed_seconds = 3600 * self.budget_cost / self.price_per_hour
        return Budget(self.budget_texts, deadline, embed_seconds)


class StreamSettings(TextSettings):
    """The settings that `plan` needs: those of `embed`, and the size of a micro-batch."""

    source_mode: SourceMode | None = None  # None: what the mapping says, or else auto
    batch_size: int = Field(DEFAULTS["batch_size"], ge=1, le=10_000_000)
    bytes_per_row: int = Field(DEFAULTS["bytes_per_row"], ge=1)

    @property
    def max_bytes_per_trigger(self) -> int:
        """Compressed source bytes that a micro-batch may read; Spark always reads at least one file."""
        return self.batch_size * self.bytes_per_row


class LoadSettings(StreamSettings):
    """All settings of a load."""

    neo4j: Neo4jSettings
    allow_deletes: int | None = Field(None, ge=0)
    take_over: bool = False  # load what another state has loaded into the graph
    reset_checkpoint: bool = False
    mlflow: OptionalText = None  # experiment that gets a run
    keep_going: bool = False  # if a table fails: load the other tables, then fail
    graph_retry_seconds: FiniteFloat = 300.0
