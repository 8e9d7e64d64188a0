"""
Neo4j's privileges (Enterprise and Aura): a refusal as the statement that gives what is missing.

Community has no roles, so nothing is refused there; the texts are those of the Enterprise server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from neo4j.exceptions import ClientError, Neo4jError

from delta_neo4j.errors import PreflightError
from delta_neo4j.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    import neo4j

    from delta_neo4j.plan import Graph

FORBIDDEN = "Neo.ClientError.Security.Forbidden"
_ROLES = re.compile(r"with roles? \[([^\]]*)\]")
# What the server says, and the privilege behind it; the first that is found counts.
_SAYS = (
    (r"operation 'create_constraint'|show constraints?", "CONSTRAINT MANAGEMENT ON DATABASE {database}"),
    (r"operation 'create_index'|show index", "INDEX MANAGEMENT ON DATABASE {database}"),
    (r"creating new (node label|relationship type|property name)", "NAME MANAGEMENT ON DATABASE {database}"),
    (r"access on database|database access is not allowed", "ACCESS ON DATABASE {database}"),
    (r"create (node|relationship) with", "CREATE ON GRAPH {database}"),
    (r"delete (node|relationship)", "DELETE ON GRAPH {database}"),
    (r"set label", "SET LABEL * ON GRAPH {database}"),
    (r"remove label", "REMOVE LABEL * ON GRAPH {database}"),
    (r"set property", "SET PROPERTY {{*}} ON GRAPH {database}"),
    (r"read operations|traverse|match", "MATCH {{*}} ON GRAPH {database}"),
)


def remedy(error: BaseException, database: str) -> str | None:
    """Give the statement that gives what a refusal misses; None when the error is no refusal of a privilege."""
    if not isinstance(error, Neo4jError) or error.code != FORBIDDEN:
        return None
    text = error.message or ""
    roles = _ROLES.search(text)
    named = [role.strip() for role in (roles[1].split(",") if roles else ())]
    role = next((role for role in named if role and role != "PUBLIC"), "ROLE")
    for words, privilege in _SAYS:
        if re.search(words, text, re.IGNORECASE):
            return f"GRANT {privilege.format(database=_name(database))} TO {_name(role)}"
    return "see docs/neo4j_grants.cypher for all that a load needs"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) else quoted(name.replace("`", ""))


def check_writes(driver: neo4j.Driver, database: str, graph: Graph) -> None:
    """
    Write and remove each kind of the mapping in a transaction that is never committed.

    Raises `PreflightError` with the GRANT statement where the user may not, or where the database is read-only.
    """
    with driver.session(database=database or None) as session, session.begin_transaction() as transaction:
        try:
            for statement in probes(graph):
                transaction.run(statement).consume()
        except ClientError as error:
            what = remedy(error, database) or "see that the database takes writes"
            raise PreflightError(
                f"the Neo4j user may not write to database {database!r}: {' '.join((error.message or '').split())}; "
                f"{what}"
            ) from error
        finally:
            transaction.rollback()


def probes(graph: Graph) -> Iterable[str]:
    """Give statements that make, change and take away what the mapping's labels and types name, without keys."""
    for table in graph.tables:
        edge, chunks = table.edge, table.chunks
        starts = (edge.start_label,) if edge else table.labels
        kinds = [(one.type, one.end_label) for one in table.relationships]
        kinds += [(edge.type, edge.end_label)] if edge else []
        kinds += [(chunks.relationship, chunks.label)] if chunks else []
        labels = "".join(f":{quoted(label)}" for label in starts)
        made, edges = [f"CREATE (row{labels}) SET row.`_dn_version` = 0"], []
        for number, (kind, end) in enumerate(kinds):
            edges.append(f"edge{number}")
            made.append(f"CREATE (row)-[edge{number}:{quoted(kind)} {{`_dn_owner`: ''}}]->(:{quoted(end)})")
        yield " ".join([*made, *([f"DELETE {', '.join(edges)}"] if edges else [])])
