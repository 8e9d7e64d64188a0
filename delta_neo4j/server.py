"""Is there a Neo4j that takes these settings? Said in one line when not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError

from delta_neo4j import neo4j_grants, unreachable
from delta_neo4j.errors import PreflightError
from delta_neo4j.transactions import one_line, open_driver

if TYPE_CHECKING:
    import neo4j

    from delta_neo4j.plan import Connection, Graph

PATIENCE = 20.0  # seconds for one connection: who waits for preflight wants to know within thirty


def server_version(connection: Connection) -> str:
    """
    Connect and give the server's version, or raise one line that says what is wrong and what to do.

    An empty database name stands for the user's home database.
    """
    with _driver(connection) as driver:
        try:
            with driver.session(database=connection.database or None) as session:
                session.run("RETURN 1").consume()  # the address may answer and the database not
            return str(driver.get_server_info().agent).removeprefix("Neo4j/")
        except AuthError as error:
            raise PreflightError(
                f"Neo4j at {connection.uri} refused the user name or password of {connection.username!r}; "
                "check NEO4J_USERNAME and NEO4J_PASSWORD"
            ) from error
        except ClientError as error:
            remedy = neo4j_grants.remedy(error, connection.database) or "check NEO4J_DATABASE"
            raise PreflightError(
                f"Neo4j at {connection.uri} has no usable database {connection.database!r}: {one_line(error)}; {remedy}"
            ) from error
        except (DriverError, Neo4jError, OSError, ValueError) as error:
            raise PreflightError(unreachable.reason(connection.uri, error)) from error


def database_id(connection: Connection) -> str | None:
    """Give what tells this database from every other one, None where the user may not ask."""
    with open_driver(connection, acquisition_seconds=PATIENCE) as driver:
        try:
            with driver.session(database=connection.database or None) as session:
                record = session.run("CALL db.info() YIELD id RETURN id").single()
        except ClientError:
            return None
        except (DriverError, Neo4jError) as error:
            raise PreflightError(unreachable.reason(connection.uri, error)) from error
    return str(record["id"]) if record else None


def _driver(connection: Connection) -> neo4j.Driver:
    try:
        urlsplit(connection.uri).port  # noqa: B018  # the driver would find out only when it connects
        return open_driver(connection, acquisition_seconds=PATIENCE)
    except (DriverError, ValueError, TypeError, AttributeError) as error:  # as the address is wrong, so the error
        raise PreflightError(
            f"the driver takes no such address ({one_line(error)}); one looks like neo4j+s://HOST"
        ) from error


def check_writes(connection: Connection, graph: Graph) -> None:
    """Raise `PreflightError` where the user may not write what the mapping has; nothing stays written."""
    with open_driver(connection, acquisition_seconds=PATIENCE) as driver:
        neo4j_grants.check_writes(driver, connection.database, graph)
