"""Is there a Neo4j that takes these settings? Said in one line when not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError

from delta_neo4j.errors import PreflightError
from delta_neo4j.transactions import one_line, open_driver

if TYPE_CHECKING:
    from delta_neo4j.plan import Connection


def server_version(connection: Connection) -> str:
    """
    Connect and give the server's version, or raise one line that says what is wrong and what to do.

    An empty database name stands for the user's home database.
    """
    with open_driver(connection) as driver:
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
            raise PreflightError(
                f"Neo4j at {connection.uri} has no usable database {connection.database!r}: {one_line(error)}; "
                "check NEO4J_DATABASE"
            ) from error
        except (DriverError, Neo4jError, OSError, ValueError) as error:
            raise PreflightError(
                f"Neo4j at {connection.uri} does not answer: {one_line(error)}; check the address, that the server "
                "(or the Aura instance) runs, and that port 7687 is open"
            ) from error
