"""How far a checkpoint has read its Delta table, from the files that Spark keeps in it."""

from __future__ import annotations

import json
from pathlib import Path

_NOTHING_OF_IT = -1  # Delta's index of an offset that is before the first file of its version


def has_read_all(folder: str, table_id: str, version: int) -> bool:
    """
    Return whether the committed micro-batches of a checkpoint have read the Delta table `table_id` up to `version`.

    False also if Python cannot read the checkpoint, or does not know the form of its files: the stream then finds out.
    """
    path = Path(folder.removeprefix("file:"))
    try:
        newest = max(int(file.name) for file in (path / "offsets").iterdir() if file.name.isdigit())
        if not (path / "commits" / str(newest)).is_file():
            return False
        offset = json.loads((path / "offsets" / str(newest)).read_text(encoding="utf-8").splitlines()[-1])
        reached = (offset["reservoirId"], offset["reservoirVersion"], offset["index"], offset["isStartingVersion"])
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return bool(reached == (table_id, version + 1, _NOTHING_OF_IT, False))
