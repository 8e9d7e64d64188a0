"""
Where tables, state and checkpoints lie, spelled once for every reader: absolute paths, addresses with a scheme, names.

Spark's readers do not agree on a relative path: `load` finds it and SQL does not. A stream reads `*?[]{}` as a pattern.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path

_PATTERN = re.compile(r"[*?\[\]{}\\]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def absolute(location: str, *, local: bool) -> str:
    """
    Return a path as an absolute one; an address with a scheme and a table name are returned as they are.

    `local`: whether Spark's files are on this machine. If they are elsewhere, a relative path names no place. Raises
    `ValueError` for such a path, and for a path with characters that Spark reads as a pattern.
    """
    is_path = "/" in location or location.startswith((".", "~"))
    if not is_path:
        return location
    if found := _PATTERN.search(location):
        raise ValueError(
            f"the path {location} has a {found.group()}, which Spark reads as a pattern; rename the folder"
        )
    if location.startswith("//"):  # which has a meaning of its own in an address
        location = f"/{location.lstrip('/')}"
    if _SCHEME.match(location) or location.startswith("/"):
        return location.rstrip("/") or "/"
    location = location.removeprefix("file:")
    if not local:
        raise ValueError(
            f"the path {location} is relative, and Spark does not run on this machine: name a place that Spark sees, "
            f"such as /Volumes/CATALOG/SCHEMA/VOLUME/{os.path.normpath(location).lstrip('./~')}"
        )
    return os.path.abspath(os.path.expanduser(location))  # noqa: PTH100, PTH111  # text in, text out


def folder(location: str, *, local: bool) -> str:
    """
    Return a location as `absolute` does, for tables or checkpoints that a run makes in it.

    Raises `ValueError` also if a file is in its way, or if it lies in a Delta table, whose VACUUM would delete it.
    """
    location = absolute(location, local=local)
    path = Path(location.removeprefix("file:"))
    for each in (path, *path.parents) if local and path.is_absolute() else ():
        if each.is_file():
            raise ValueError(f"{each} is a file; name a folder")
        if (each / "_delta_log").is_dir():
            raise ValueError(f"{each} is a Delta table; name a folder outside of it")
    return location
