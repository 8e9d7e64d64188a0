"""Checks of the connection to Neo4j; each raises one line that says what is wrong and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from neo4j import READ_ACCESS
from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j.errors import GraphUnavailableError, LoaderError, PreflightError
from delta_neo4j.graph.bolt import failures, grants, unreachable
from delta_neo4j.graph.bolt.failures import one_line
from delta_neo4j.graph.bolt.retries import RETRY_SECONDS, patiently
from delta_neo4j.graph.bolt.transactions import ACQUISITION_SECONDS, open_driver
from delta_neo4j.graph.cypher import probes

if TYPE_CHECKING:
    import neo4j

    from delta_neo4j.mapping.plan import Mapping
    from delta_neo4j.settings.connection import Connection

PATIENCE = ACQUISITION_SECONDS  # with `RETRY_SECONDS` preflight ends within half a minute
_ERRORS = (DriverError, Neo4jError, OSError, ValueError)
_UNAUTHORIZED = "Neo.ClientError.Security.Unauthorized"
_EXPIRED = "Neo.ClientError.Security.CredentialsExpired"


def server_version(connection: Connection) -> str:
    """
    Connect to the server and its database and return the server's version.

    An empty database name is the user's home database. Raises `PreflightError` with the cause and the remedy, or
    `GraphUnavailableError` if the cause passes by itself but did not in time.
    """
    with _driver(connection) as driver:

        def ask() -> str:
            # A server may answer although the database is missing.
            with driver.session(database=connection.database or None, default_access_mode=READ_ACCESS) as session:
                session.run(probes.ANSWER).consume()
            return str(driver.get_server_info().agent).removeprefix("Neo4j/")

        def is_repeated(error: BaseException) -> bool:
            return failures.of(error, connection.uri).passes and not unreachable.cause(connection.uri, error)

        try:
            return patiently(ask, is_repeated, RETRY_SECONDS)
        except _ERRORS as error:
            raise _refusal(connection, error) from error


def _refusal(connection: Connection, error: Exception) -> LoaderError:
    failure, answer, at = failures.of(error, connection.uri), failures.answer(error), f"Neo4j at {connection.uri}"
    if answer is None:
        line = unreachable.reason(connection.uri, error)
        is_known = unreachable.cause(connection.uri, error) or not failure.passes
        return PreflightError(line) if is_known else GraphUnavailableError(f"{line}; {failure.remedy}, then run again")
    if failure.passes or failure.meaning == "failed":
        return GraphUnavailableError(failures.unavailable(connection.uri, error, failure))
    if answer.code == _UNAUTHORIZED:
        return PreflightError(f"{at} refused the user name or password of {connection.username!r}; {failure.remedy}")
    if answer.code == _EXPIRED:
        return PreflightError(f"{at} wants a new password for {connection.username!r} first; {failure.remedy}")
    remedy = grants.remedy(answer, connection.database) or failure.remedy or "check NEO4J_DATABASE"
    return PreflightError(f"{at} has no usable database {connection.database!r}: {failures.said(error)}; {remedy}")


def database_id(connection: Connection) -> str | None:
    """
    Return the database's id, which no other database has; None if the user may not read it.

    Raises `GraphUnavailableError` if the server does not answer.
    """
    with open_driver(connection, acquisition_seconds=PATIENCE) as driver:

        def ask() -> neo4j.Record | None:
            with driver.session(database=connection.database or None, default_access_mode=READ_ACCESS) as session:
                return session.run(probes.DATABASE_ID).single()

        try:
            record = patiently(ask, lambda error: failures.of(error, connection.uri).passes, RETRY_SECONDS)
        except _ERRORS as error:
            failure = failures.of(error, connection.uri)
            if failure.passes or failure.meaning == "failed":
                raise GraphUnavailableError(failures.unavailable(connection.uri, error, failure)) from error
            return None
    return str(record["id"]) if record else None


def _driver(connection: Connection) -> neo4j.Driver:
    try:
        urlsplit(connection.uri).port  # noqa: B018  # otherwise a wrong port is found only when the driver connects
        return open_driver(connection, acquisition_seconds=PATIENCE)
    except (DriverError, ValueError, TypeError, AttributeError) as error:  # a wrong address raises any of them
        raise PreflightError(
            f"the driver refuses the address of Neo4j ({one_line(error)}); an address looks like neo4j+s://HOST"
        ) from error


def check_writes(connection: Connection, mapping: Mapping) -> None:
    """Raise what `grants.check_writes` raises if the mapping cannot be written now; nothing stays in the graph."""
    with open_driver(connection, acquisition_seconds=PATIENCE) as driver:
        grants.check_writes(driver, connection.database, mapping, connection.uri)
