"""The bookmarks that loads left in the ledger: who waits for them sees in a cluster what these loads wrote."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from delta_neo4j.graph.bolt import bookmarks
from delta_neo4j.source.local_folder import UnreadableError
from delta_neo4j.state import history

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.mapping.plan import Table
    from delta_neo4j.settings.connection import Connection
    from delta_neo4j.state.reader import Reader

log = logging.getLogger(__name__)


def after_loads(connection: Connection, reader: Reader, tables: Iterable[Table]) -> Connection:
    """
    Return the connection with the bookmarks of the last recorded micro-batch of each table, beside those that it has.

    Those of the ledger that the server does not know (`graph.bolt.bookmarks`) are left out, with a line in the log.
    """
    try:
        recorded = history.bookmarks(reader, {table.name for table in tables})
    except UnreadableError as error:
        log.warning("bookmarks.unread", extra={"reason": str(error)})
        return connection
    return replace(connection, bookmarks=(*connection.bookmarks, *bookmarks.known(connection, recorded)))
