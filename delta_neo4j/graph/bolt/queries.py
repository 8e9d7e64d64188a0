"""Statements outside the passes, sent by the driver process: each returns records or raises an error of one line."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j.errors import GraphUnavailableError, LoaderError, PreflightError
from delta_neo4j.graph.bolt import failures
from delta_neo4j.graph.bolt.grants import remedy
from delta_neo4j.graph.bolt.retries import RETRY_SECONDS, patiently
from delta_neo4j.graph.bolt.transactions import last_bookmarks, open_driver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from delta_neo4j.settings.connection import Connection


class StatementError(PreflightError):
    """
    A statement failed, and would fail again.

    `said`: the server's or the driver's own text, in one line. `refused`: the server understood the statement and
    refused it. `remedy`: what helps, such as the statement that gives a missing privilege; empty if that is not known.
    """

    def __init__(
        self,
        message: str,
        details: dict[str, int | float] | None = None,
        *,
        said: str = "",
        remedy: str = "",
        refused: bool = False,
    ) -> None:
        super().__init__(message, details)
        self.said, self.remedy, self.refused = said, remedy, refused

    def preflight_error(self, what: str, otherwise: str) -> PreflightError:
        """Return the error for `what` failed, with the remedy; `otherwise` stands for a remedy that is not known."""
        return PreflightError(f"{what}: {self.said}; {self.remedy or otherwise}")


@dataclass(frozen=True)
class Queries:
    """An open session for single statements; `retry_seconds`: how long a failure that passes is waited for."""

    driver: neo4j.Driver
    session: neo4j.Session
    database: str
    uri: str = ""
    retry_seconds: float = RETRY_SECONDS

    def run(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """
        Run one statement, which may run more than once, and return its records.

        Raises `StatementError` if it fails, `GraphUnavailableError` if a failure that passes by itself lasts too long.
        """
        records: list[dict[str, Any]] = self._patiently(lambda: self.session.run(statement, parameters).data())
        return records

    def stream(self, statement: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the records of one statement as the server sends them; raises as `run` does, and repeats nothing."""
        try:
            for record in self.session.run(statement, parameters):
                yield dict(record)
        except (Neo4jError, DriverError) as error:
            raise self._sorted(error) from error

    @property
    def bookmarks(self) -> tuple[str, ...]:
        """The bookmarks of the last statement: a later session that waits for them sees all that it saw or wrote."""
        return tuple(last_bookmarks(self.session))

    @property
    def server_year(self) -> int:
        """The first part of the server's version: 5, or the year of a calendar release."""
        agent = self._patiently(lambda: str(self.driver.get_server_info().agent))
        version = agent.removeprefix("Neo4j/").split(".")[0]
        return int(version) if version.isdigit() else 0

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        try:
            return patiently(ask, lambda error: failures.of(error, self.uri).passes, self.retry_seconds)
        except (Neo4jError, DriverError) as error:
            raise self._sorted(error) from error

    def _sorted(self, error: Neo4jError | DriverError) -> LoaderError:
        failure = failures.of(error, self.uri)
        if failure.passes or failure.meaning == "failed":
            return GraphUnavailableError(failures.unavailable(self.uri, error, failure))
        said, what = failures.said(error), remedy(error, self.database) or failure.remedy
        line = f"Neo4j refused a statement: {said}" + (what and f"; {what}")
        return StatementError(line, said=said, remedy=what, refused=failure.meaning == "rows")


@contextmanager
def open_queries(
    connection: Connection, *, reading: bool = False, retry_seconds: float = RETRY_SECONDS
) -> Iterator[Queries]:
    """
    Open a driver and a session on the connection's database for a `with` block.

    `reading`: every server of a cluster may answer, also while there is no leader. The session sees the writes behind
    the connection's bookmarks.
    """
    more: dict[str, Any] = {"default_access_mode": neo4j.READ_ACCESS} if reading else {}
    if connection.bookmarks:
        more["bookmarks"] = neo4j.Bookmarks.from_raw_values(connection.bookmarks)
    with open_driver(connection) as driver, driver.session(database=connection.database, **more) as session:
        yield Queries(driver, session, connection.database, connection.uri, retry_seconds)
