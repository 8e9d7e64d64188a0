"""
Keeps a Neo4j graph, with a vector on what has text, equal to Delta tables.

The way of a row: `source` → `validation` → `embedding` → `writer` → `ledger`; the order of a micro-batch
stands in `pipeline`. Import from the module that owns the name; `load`, `upsert` and `delete` are for notebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delta_neo4j.api import delete, load, upsert

__version__ = "0.1.0"
__all__ = ["delete", "load", "upsert"]


def __getattr__(name: str) -> Any:
    # What the calls stand on is heavy, and `--help` must not wait for it.
    if name in __all__:
        from delta_neo4j import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
