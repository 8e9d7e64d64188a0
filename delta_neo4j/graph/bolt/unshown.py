"""A list that the driver sends and does not format."""

from __future__ import annotations

from typing import Any


class Unshown(list[Any]):
    """
    A list with a short `repr`.

    The `neo4j` driver formats every parameter for a debug line, even if nothing logs it. With 384 floats in a row this
    takes longer than everything else together. The driver packs a subclass of list like a list; no row gets into a log.
    """

    def __repr__(self) -> str:
        """Return the number of items."""
        return f"<{len(self)} items>"
