"""
Neo4j's privileges (Enterprise and Aura): for each refusal, the statement that grants the missing privilege.

Neo4j Community has no roles and refuses nothing. The texts of refusals are those of the Enterprise server.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from neo4j.exceptions import DriverError, Neo4jError

from delta_neo4j.errors import GraphUnavailableError, LoaderError, PreflightError
from delta_neo4j.graph.bolt import failures
from delta_neo4j.graph.bolt.retries import RETRY_SECONDS, patiently
from delta_neo4j.graph.cypher.probes import writes
from delta_neo4j.mapping.identifiers import as_typed

if TYPE_CHECKING:
    import neo4j

    from delta_neo4j.mapping.plan import Mapping

FORBIDDEN = "Neo.ClientError.Security.Forbidden"
_ROLES = re.compile(r"with roles? \[([^\]]*)\]")
_SCOPES = ("database", "graph")
# Words in a refusal, and the privilege that is missing; the first pattern that matches counts.
_PRIVILEGES = (
    (r"operation 'create_constraint'|show constraints?", "CONSTRAINT MANAGEMENT ON {database}"),
    (r"operation 'create_index'|show index", "INDEX MANAGEMENT ON {database}"),
    (r"creating new (node label|relationship type|property name)", "NAME MANAGEMENT ON {database}"),
    (r"access on database|database access is not allowed", "ACCESS ON {database}"),
    (r"create (node|relationship) with", "CREATE ON {graph}"),
    (r"delete (node|relationship)", "DELETE ON {graph}"),
    (r"set label", "SET LABEL * ON {graph}"),
    (r"remove label", "REMOVE LABEL * ON {graph}"),
    (r"set property", "SET PROPERTY {{*}} ON {graph}"),
    (r"read operations|traverse|match", "MATCH {{*}} ON {graph}"),
)


def remedy(error: BaseException, database: str) -> str | None:
    """Return the GRANT statement for the privilege that a refusal names; None if the error is no such refusal."""
    if not isinstance(error, Neo4jError) or error.code != FORBIDDEN:
        return None
    text = error.message or ""
    roles = _ROLES.search(text)
    names = [role.strip() for role in (roles[1].split(",") if roles else ())]
    role = next((role for role in names if role and role != "PUBLIC"), "ROLE")
    where = {kind: f"{kind.upper()} {as_typed(database)}" if database else f"HOME {kind.upper()}" for kind in _SCOPES}
    for words, privilege in _PRIVILEGES:
        if re.search(words, text, re.IGNORECASE):
            return f"GRANT {privilege.format(**where)} TO {as_typed(role)}"
    return "see docs/neo4j_grants.cypher for all that a load needs"


def check_writes(driver: neo4j.Driver, database: str, mapping: Mapping, uri: str = "") -> None:
    """
    Create and delete a node and an edge of each kind in the mapping, in transactions that are never committed.

    Raises `PreflightError`, with the GRANT statement if a privilege is missing, or if the database is read-only;
    `GraphUnavailableError` if Neo4j does not answer, or takes no writes now. `uri` is the server's address.
    """
    for statement in writes(mapping):
        try:
            patiently(partial(_probe, driver, database, statement), partial(_is_repeated, uri), RETRY_SECONDS)
        except (DriverError, Neo4jError) as error:
            raise _refusal(uri, database, error) from error


def _probe(driver: neo4j.Driver, database: str, statement: str) -> None:
    with driver.session(database=database or None) as session, session.begin_transaction() as transaction:
        try:
            transaction.run(statement).consume()
        finally:
            with suppress(DriverError, Neo4jError):  # a broken connection has rolled it back
                transaction.rollback()


def _is_repeated(uri: str, error: BaseException) -> bool:
    failure = failures.of(error, uri)
    return failure.passes or failure.meaning == "too large"  # a server that has just started plans slowly


def _refusal(uri: str, database: str, error: DriverError | Neo4jError) -> LoaderError:
    failure = failures.of(error, uri)
    if failure.passes or failure.meaning == "failed":
        return GraphUnavailableError(failures.unavailable(uri, error, failure))
    if grant := remedy(error, database):
        return PreflightError(f"the Neo4j user may not write to database {database!r}: {failures.said(error)}; {grant}")
    what = failure.remedy or "see that the database takes writes"
    return PreflightError(f"Neo4j refuses to write to database {database!r}: {failures.said(error)}; {what}")
