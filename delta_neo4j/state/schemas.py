"""The columns of the state tables. One that an earlier release created lacks the newest: they are read as null."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# The columns of each table, as Spark SQL declares them.
SCHEMAS = {
    "embeddings": "model_id STRING, part STRING, text_hash BINARY, embedding BINARY, tokens INT",
    "models": "model_id STRING, name STRING, dimension INT, probes STRING, minted_at TIMESTAMP",
    "ledger": (
        "load_id STRING, batch_id BIGINT, attempt STRING, run_id STRING, table_name STRING, source_mode STRING, "
        "rows_read BIGINT, outcomes STRING, without_text BIGINT, truncated BIGINT, relationships STRING, "
        "embedding STRING, writer STRING, seconds STRING, recorded_at TIMESTAMP, kinds STRING, version BIGINT, "
        "swept BIGINT, bookmarks STRING"
    ),
    "dead_letters": (
        "load_id STRING, batch_id BIGINT, attempt STRING, table_name STRING, row_key STRING, stage STRING, "
        "reason_class STRING, reason STRING, row STRING, recorded_at TIMESTAMP"
    ),
    "waiting_edges": (
        "load_id STRING, batch_id BIGINT, attempt STRING, table_name STRING, row_key STRING, type STRING, "
        "end_label STRING, end_key STRING, relationship_key STRING, version STRING, content_hash STRING, "
        "row_hash STRING, rel_hash STRING, event STRING, recorded_at TIMESTAMP"
    ),
    "mappings": (
        "table_name STRING, table_id STRING, source_mode STRING, digest STRING, writes STRING, columns STRING, "
        "database_id STRING, recorded_at TIMESTAMP, state_id STRING, source STRING"
    ),
    "verifications": (
        "table_name STRING, source_version BIGINT, mapping_digest STRING, checked BIGINT, differences BIGINT, "
        "counts STRING, digests STRING, recorded_at TIMESTAMP"
    ),
    "runs": "run_id STRING, status STRING, summary STRING, settings STRING, started_at TIMESTAMP, ended_at TIMESTAMP",
}
PARTITIONED_BY = {"embeddings": ("model_id", "part")}


def columns(name: str) -> dict[str, str]:
    """Return the columns of a state table: SQL type by name."""
    return dict(column.split(" ") for column in SCHEMAS[name].split(", "))


def nulls(name: str, present: Collection[str] = ()) -> list[str]:
    """Return, in SQL, a null for each column that a table lacks if it has the `present` ones."""
    return [f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns(name).items() if column not in present]
