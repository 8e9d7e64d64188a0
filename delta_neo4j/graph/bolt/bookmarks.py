"""
Which bookmarks a server knows.

A server waits half a minute for a transaction that it does not have (`db.transaction.bookmark_ready_timeout`; the time
limit of a transaction begins later); it does not know the transactions after the backup that it was restored from.
Bookmarks of another database it takes as known.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j.graph.bolt.failures import said
from delta_neo4j.graph.bolt.transactions import driver_options
from delta_neo4j.graph.cypher.probes import ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.settings.connection import Connection

log = logging.getLogger(__name__)
KNOWN_SECONDS = 5.0
_LATE = (
    f"Neo4j does not have this transaction within {KNOWN_SECONDS:.0f} s: the graph may be restored from an older "
    "backup, or this server lags behind"
)
_TOO_LATE = "Neo.TransientError.Transaction.BookmarkTimeout"  # where the server's own limit is shorter
_UNREADABLE = "Neo.ClientError.Transaction.InvalidBookmark"  # and InvalidBookmarkMixture


def known(connection: Connection, bookmarks: Iterable[str]) -> tuple[str, ...]:
    """
    Return the bookmarks that the server knows within `KNOWN_SECONDS`; write a line to the log for each other one.

    If the server does not answer at all, they count as known: the statement that follows says why.
    """
    asked = sorted(set(bookmarks))
    if not asked:
        return ()
    with ThreadPoolExecutor(1) as beside:  # a notebook runs an event loop in its own thread
        reasons = beside.submit(asyncio.run, _reasons(connection, asked)).result()
    for bookmark, reason in zip(asked, reasons, strict=True):
        if reason:
            log.warning("bookmark.dropped", extra={"bookmark": bookmark, "reason": reason})
    return tuple(bookmark for bookmark, reason in zip(asked, reasons, strict=True) if not reason)


async def _reasons(connection: Connection, bookmarks: list[str]) -> list[str | None]:
    async with neo4j.AsyncGraphDatabase.driver(connection.uri, **driver_options(connection)) as driver:
        try:
            await driver.verify_connectivity()
        except (DriverError, Neo4jError, OSError, ValueError):
            return [None] * len(bookmarks)
        return await asyncio.gather(*(_reason(driver, connection.database, each) for each in bookmarks))


async def _reason(driver: neo4j.AsyncDriver, database: str, bookmark: str) -> str | None:
    """Return why a bookmark is not known, None if it is."""
    awaited = neo4j.Bookmarks.from_raw_values([bookmark])
    session = driver.session(database=database or None, bookmarks=awaited, default_access_mode=neo4j.READ_ACCESS)
    try:
        async with asyncio.timeout(KNOWN_SECONDS), session:
            await (await session.run(ANSWER)).consume()
    except TimeoutError:
        return _LATE
    except Neo4jError as error:
        if str(error.code) == _TOO_LATE:
            return _LATE
        return said(error) if str(error.code).startswith(_UNREADABLE) else None
    except (DriverError, OSError, ValueError):
        return None
    return None
