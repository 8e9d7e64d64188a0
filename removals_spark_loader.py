"""
The job: load aircraft component removals from Delta into Neo4j, each with a vector on its reason.

No arguments = load with the settings found (flags, environment, .env, secret scope, then the constants below).
Restarting resumes after the last good micro-batch; deleting the checkpoint folder starts afresh.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

try:
    from delta_neo4j.cli import main as _command
except ImportError as missing:
    raise SystemExit(
        f"{missing.name or missing} is missing: %pip install delta-neo4j, "
        "or put the delta_neo4j folder beside this file"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

BATCH_SIZE = 20_000  # rows a micro-batch aims at; also caps a transaction
BYTES_PER_ROW = 1_000  # compressed bytes a row takes in the source; maxBytesPerTrigger is the product of the two
WRITE_PARTITIONS = 2  # parallel writers into Neo4j
CHECKPOINT_LOCATION = ""  # empty: a folder of the state location


def process_batch(batch_df: DataFrame, batch_id: int) -> None:
    """Load one micro-batch of the source table with this process's settings: the function for `foreachBatch`."""
    _step()(batch_df, batch_id)


@cache
def _step() -> Callable[[DataFrame, int], None]:
    from delta_neo4j.cli import batch_function

    return batch_function(_constants())


def _constants() -> dict[str, object]:
    return {
        "batch_size": BATCH_SIZE,
        "bytes_per_row": BYTES_PER_ROW,
        "write_partitions": WRITE_PARTITIONS,
        **({"checkpoint": CHECKPOINT_LOCATION} if CHECKPOINT_LOCATION else {}),
    }


def main(arguments: list[str] | None = None) -> None:
    """Load; takes the flags of `delta-neo4j load`."""
    _command(["load", *(sys.argv[1:] if arguments is None else arguments)], defaults=_constants())


if __name__ == "__main__":
    main()
