"""
Keeps a Neo4j graph equal to Delta tables, with vectors of their texts.

The way of a row: `source` reads, checks and ranks it, `embedding` embeds its text, `graph` writes it, `state` records
it in the ledger; `pipeline` holds the order of these steps. Notebooks call `load`, `upsert`, `delete` and `search`;
import everything else from the module that defines it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from delta_neo4j.api import delete, load, search, upsert

__version__ = "0.1.0"
__all__ = ["delete", "load", "search", "upsert"]


def __getattr__(name: str) -> Any:
    # `api` imports heavy libraries, and `--help` must not wait for them.
    if name in __all__:
        from delta_neo4j import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
