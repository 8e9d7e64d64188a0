"""
The table of settings: one row a setting, with its flag, variables, secret key, default and help.

The flags' help, `status --settings`, the defaults of the settings models and the test of `.env.sample` read this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

SourceMode = Literal["auto", "append", "cdf", "snapshot"]
Embedder = Literal["auto", "ai_query", "rest", "in_process", "precomputed"]
DEFAULT_SCOPE = "airline-neo4j-secrets"
SCOPE_VARIABLE = "SECRET_SCOPE"
SCOPE_RANK = 3  # the rank of a value from a secret scope: after flag, environment and env file


@dataclass(frozen=True, kw_only=True)
class Setting:
    """
    One setting.

    `name`: its name in `delta_neo4j.load(settings={…})` and in `status --settings`. `variables`: its environment
    variables; the first one that is set wins. `scope_key`: its key in a secret scope, where the names of its variables
    are keys too (`scope_keys`). `absent`: the default in words, if `default` is None. `kind`: the type of a value, or a
    tuple of the allowed values.
    """

    name: str
    variables: tuple[str, ...]
    text: str  # a noun phrase without the default
    flag: str = ""  # none if empty
    scope_key: str | None = None
    default: Any = None
    absent: str = ""
    kind: type | tuple[str, ...] = str
    metavar: str | None = None
    repeatable: bool = False
    bare: str | None = None  # the value of its flag without a value; None: the flag needs one
    secret: bool = False

    @property
    def scope_keys(self) -> tuple[str, ...]:
        """The keys that a secret scope may have for it, the first one that is there wins; none if it has no key."""
        return (self.scope_key, *self.variables) if self.scope_key else ()

    @property
    def help(self) -> str:
        """The help text of the flag: what the setting is, and its default."""
        default = self.absent or "none" if self.default is None else f"{self.default}".removesuffix(".0")
        return f"{self.text} (default {default})."


SETTINGS = (
    Setting(
        name="uri", variables=("NEO4J_URI",),
        text="Whole address of Neo4j, as in neo4j+s://HOST",
    ),
    Setting(
        name="host", variables=("NEO4J_HOST",), scope_key="host",
        text="Host of Neo4j without a protocol, instead of NEO4J_URI",
    ),
    Setting(
        name="protocol", variables=("NEO4J_PROTOCOL",), scope_key="protocol", default="neo4j+s",
        text="Protocol to NEO4J_HOST: neo4j+s for Aura and real certificates, bolt for one server without TLS",
    ),
    Setting(
        name="username", variables=("NEO4J_USERNAME", "NEO4J_USER"), scope_key="username",
        text="Name of the Neo4j user",
    ),
    Setting(
        name="password", variables=("NEO4J_PASSWORD",), scope_key="password", secret=True,
        text="Password of the Neo4j user",
    ),
    Setting(
        name="database", variables=("NEO4J_DATABASE",), scope_key="database", default="neo4j",
        text="Name of the Neo4j database",
    ),
    Setting(
        name="mapping", flag="--mapping", variables=("MAPPING",), default="removals", metavar="FILE_OR_NAME",
        text="Mapping file, or name of a shipped mapping",
    ),
    Setting(
        name="source", flag="--source", variables=("SOURCE_TABLE",), absent="the mapping's",
        metavar="[NAME=]TABLE_OR_PATH", repeatable=True,
        text="Table or view to read; NAME= names one of several tables of the mapping; the flag is repeatable",
    ),
    Setting(
        name="source_mode", flag="--source-mode", variables=("SOURCE_MODE",), kind=get_args(SourceMode),
        absent="the mapping's, or else auto",
        text="How tables are read: cdf by their change data feed, append only new rows, snapshot all rows at each run, "
        "auto the first of these that fits",
    ),
    Setting(
        name="state", flag="--state", variables=("STATE_LOCATION",), default=".delta-neo4j",
        metavar="FOLDER_OR_SCHEMA",
        text="State location: a folder or catalog.schema for the ledger, the cache and the dead letters",
    ),
    Setting(
        name="checkpoint", flag="--checkpoint", variables=("CHECKPOINT_LOCATION",), absent="STATE/checkpoints",
        metavar="FOLDER",
        text="Folder of the streams' checkpoints",
    ),
    Setting(
        name="batch_size", flag="--batch-size", variables=("BATCH_SIZE",), default=20_000, kind=int,
        text="Rows that a micro-batch aims at; below 2,000 also the most rows of a transaction",
    ),
    Setting(
        name="bytes_per_row", flag="--bytes-per-row", variables=("BYTES_PER_ROW",), default=1_000, kind=int,
        text="Compressed bytes that a row takes in the source",
    ),
    Setting(
        name="write_partitions", flag="--write-partitions", variables=("WRITE_PARTITIONS",), default="auto",
        metavar="NUMBER",
        text="Number of parallel writers into Neo4j, and of parallel tasks of in_process; auto is the number of "
        "the driver's cores, from 2 to 8",
    ),
    Setting(
        name="embedder", flag="--embedder", variables=("EMBEDDER",), default="auto", kind=get_args(Embedder),
        text="Way to embed texts; auto is the first that works of ai_query, rest and in_process",
    ),
    Setting(
        name="endpoint", flag="--endpoint", variables=("EMBEDDING_ENDPOINT",), default="minilm-embedder",
        metavar="NAME",
        text="Databricks serving endpoint of the model",
    ),
    Setting(
        name="endpoint_wait", flag="--endpoint-wait", variables=("ENDPOINT_WAIT_S",), default=600.0, kind=float,
        text="Seconds to wait for an endpoint that starts",
    ),
    Setting(
        name="url", variables=("EMBEDDING_URL",),
        text="Whole address of the served model, with /invocations at its end",
    ),
    Setting(
        name="token", variables=("EMBEDDING_TOKEN",), secret=True,
        text="Token for the served model",
    ),
    Setting(
        name="databricks_host", variables=("DATABRICKS_HOST",),
        text="Address of the Databricks workspace of the endpoint",
    ),
    Setting(
        name="client_id", variables=("DATABRICKS_CLIENT_ID",), scope_key="databricks_client_id",
        text="Application id of the service principal that calls the endpoint",
    ),
    Setting(
        name="client_secret", variables=("DATABRICKS_CLIENT_SECRET",), scope_key="databricks_client_secret",
        secret=True,
        text="OAuth secret of that service principal",
    ),
    Setting(
        name="runtime", variables=("DATABRICKS_RUNTIME_VERSION",),
        text="Version of the Databricks runtime, set by Databricks",
    ),
    Setting(
        name="spark_remote", variables=("SPARK_REMOTE",),
        text="Address of the Spark Connect server that Spark's own tools use",
    ),
    Setting(
        name="budget_texts", flag="--budget-texts", variables=("BUDGET_TEXTS",), kind=int,
        text="Limit on the texts that this run embeds",
    ),
    Setting(
        name="budget_minutes", flag="--budget-minutes", variables=("BUDGET_MINUTES",), kind=float,
        text="Limit on the minutes of this run",
    ),
    Setting(
        name="budget_cost", flag="--budget-cost", variables=("BUDGET_COST",), kind=float,
        text="Limit on the cost of embedding in this run; needs --price-per-hour",
    ),
    Setting(
        name="price_per_hour", flag="--price-per-hour", variables=("PRICE_PER_HOUR",), kind=float,
        text="Price of an hour of the endpoint, in any currency",
    ),
    Setting(
        name="mlflow", flag="--mlflow", variables=("MLFLOW_EXPERIMENT_NAME",), metavar="[EXPERIMENT]",
        bare="delta-neo4j",
        text="MLflow experiment that gets a run with parameters, metrics and the report; the flag without a name means "
        "delta-neo4j",
    ),
)  # fmt: skip
BY_NAME = {setting.name: setting for setting in SETTINGS}
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


@dataclass(frozen=True)
class Found:
    """The value of a setting and its origin in words; a secret prints as stars."""

    value: Any
    origin: str
    secret: bool = False
    rank: int = 0  # rank of the origin; if two settings contradict each other, the lower rank wins

    def __repr__(self) -> str:
        """Show the value unless it is a secret."""
        return f"Found({'***' if self.secret else self.value!r}, {self.origin!r})"


class Origins(dict[str, Found]):
    """The settings that are set, by name; `scope` is the secret scope that was read, or None."""

    def __init__(self, scope: str | None = None) -> None:
        super().__init__()
        self.scope = scope
