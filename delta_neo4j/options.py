"""The options that several commands share; their names are those of the settings in `config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

EMBEDDERS = ("auto", "ai_query", "rest", "in_process", "precomputed")


TEXT_OPTIONS = (
    "mapping", "source", "state", "checkpoint", "write_partitions", "embedder", "endpoint", "endpoint_wait",
    "price_per_hour", "secret_scope", "env_file", "json", "debug",
)  # fmt: skip
BUDGET_OPTIONS = ("budget_texts", "budget_minutes", "budget_cost")


def options(*names: str) -> Callable[[Any], Any]:
    """Give a decorator that adds the named options to a command."""
    known = {
        "mapping": click.option("--mapping", help="Mapping file, or the name of one that ships (removals)."),
        "source": click.option("--source", multiple=True, metavar="[NAME=]TABLE_OR_PATH", help="A Delta table."),
        "source_mode": click.option("--source-mode", type=click.Choice(["auto", "append"]), help="How it is read."),
        "state": click.option("--state", help="State tables: a folder (.delta-neo4j) or catalog.schema."),
        "checkpoint": click.option("--checkpoint", help="Their folder (default STATE/checkpoints)."),
        "batch_size": click.option("--batch-size", type=int, help="Rows a micro-batch aims at; caps a transaction."),
        "bytes_per_row": click.option("--bytes-per-row", type=int, help="Compressed bytes a row takes in the source."),
        "write_partitions": click.option("--write-partitions", type=int, help="Parallel writers."),
        "embedder": click.option("--embedder", type=click.Choice(EMBEDDERS), help="What embeds."),
        "endpoint": click.option("--endpoint", help="Name of the serving endpoint (default minilm-embedder)."),
        "endpoint_wait": click.option("--endpoint-wait", type=float, help="Seconds a cold one may take (600)."),
        "secret_scope": click.option("--secret-scope", help="Databricks secret scope with the connection."),
        "env_file": click.option("--env-file", help="File with settings (default .env when it is there)."),
        "budget_texts": click.option("--budget-texts", type=int, help="Stop after embedding so many texts."),
        "budget_minutes": click.option("--budget-minutes", type=float, help="Stop after so many minutes."),
        "budget_cost": click.option("--budget-cost", type=float, help="Stop when embedding has cost so much."),
        "price_per_hour": click.option("--price-per-hour", type=float, help="Of the endpoint while it embeds."),
        "json": click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON, last."),
        "debug": click.option("--debug", is_flag=True, help="Show the trace of an error."),
    }  # fmt: skip

    def add(command: Any) -> Any:
        for name in reversed(names):
            command = known[name](command)
        return command

    return add
