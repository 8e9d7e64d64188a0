"""
The job: load aircraft component removals from Delta into Neo4j, with a vector of each removal's reason.

The job takes the flags of `delta-neo4j load`. Each setting comes from its flag, else the environment, .env, the secret
scope, the constants below. After a restart the job resumes after the last finished micro-batch; without the checkpoint
folder it reads all rows.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

try:
    from delta_neo4j.cli.console import main as _command
except ImportError as missing:
    raise SystemExit(
        f"{missing.name or missing} is missing: %pip install delta-neo4j, "
        "or put the delta_neo4j folder beside this file"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

BATCH_SIZE = 20_000  # rows that a micro-batch aims at; below 2,000 also the most rows of a transaction
BYTES_PER_ROW = 1_000  # compressed bytes of a row in the source; maxBytesPerTrigger is BATCH_SIZE × BYTES_PER_ROW
WRITE_PARTITIONS = "auto"  # parallel writers into Neo4j; auto: as many as the driver has cores, 2 to 8
CHECKPOINT_LOCATION = ""  # empty: the folder STATE/checkpoints


def process_batch(batch_df: DataFrame, batch_id: int) -> None:
    """Load one micro-batch of the source table, with the settings of this process; pass it to `foreachBatch`."""
    _step()(batch_df, batch_id)


@cache
def _step() -> Callable[[DataFrame, int], None]:
    from delta_neo4j.cli.load import batch_function

    return batch_function(_constants())


def _constants() -> dict[str, object]:
    return {
        "batch_size": BATCH_SIZE,
        "bytes_per_row": BYTES_PER_ROW,
        "write_partitions": WRITE_PARTITIONS,
        **({"checkpoint": CHECKPOINT_LOCATION} if CHECKPOINT_LOCATION else {}),
    }


def main(arguments: list[str] | None = None) -> None:
    """Run `delta-neo4j load` with the flags in `arguments`; None takes the arguments of the process."""
    _command(["load", *(sys.argv[1:] if arguments is None else arguments)], defaults=_constants())


if __name__ == "__main__":
    main()
