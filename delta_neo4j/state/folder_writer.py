"""
Appends a few rows to a state table in a folder of this machine with the package `deltalake`.

A commit then takes milliseconds. Spark plans and runs jobs for the same rows, half a second of each and more in a new
JVM; a load makes four to six such commits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from delta_neo4j.state.schemas import PARTITIONED_BY, columns

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES = {
    "STRING": pa.string(), "BINARY": pa.binary(), "INT": pa.int32(), "BIGINT": pa.int64(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
}  # fmt: skip
# As Spark does: without checkpoints every reader reads the whole log.
_OF_NEW_TABLES = {"delta.checkpointInterval": "10"}


def append(folder: str, name: str, rows: Sequence[tuple[Any, ...]], once: tuple[str, int] | None = None) -> bool:
    """
    Append rows to the state table `name` in `folder`, which is created if it is missing; return False if that failed.

    Moments are aware. `once` = (application, version): a second append of the same pair is ignored.
    """
    import deltalake

    path = folder.removeprefix("file:")
    fields = [pa.field(column, _TYPES[kind]) for column, kind in columns(name).items()]
    values = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(fields)]
    mark = deltalake.CommitProperties(app_transactions=[deltalake.Transaction(*once)]) if once else None
    exists = Path(path, "_delta_log").is_dir()
    try:
        if once and exists:
            known = deltalake.DeltaTable(path).transaction_version(once[0])
            if known is not None and known >= once[1]:
                return True
        deltalake.write_deltalake(
            path,
            pa.table(values, pa.schema(fields)),
            partition_by=list(PARTITIONED_BY.get(name, ())) or None,
            mode="append",
            schema_mode="merge",  # a state that an earlier release created lacks the newest columns
            configuration=None if exists else _OF_NEW_TABLES,
            commit_properties=mark,
        )
    except (deltalake.exceptions.DeltaError, OSError):
        return False  # Spark tries the same, and its error is told
    return True
