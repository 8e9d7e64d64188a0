"""Check that the writers of a round have left equal graphs: else one of them did less work than another.

What the product adds for itself does not count: properties that begin with `_dn_`, labels that begin with `_`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from neo4j import Driver

Graph = dict[str, int]  # each thing that a graph holds, in words, with its number

_NODE = "MATCH (n) WHERE NOT any(label IN labels(n) WHERE label STARTS WITH '_')"
_LABELS = "reduce(text = '', label IN labels(n) | text + ':' + label)"
_NAMES = "UNWIND keys(of) AS name WITH kind, name WHERE NOT name STARTS WITH '_dn_'"
_COUNTED = "RETURN 'property ' + kind + '.' + name AS what, count(*) AS number"
_STATEMENTS = (
    f"{_NODE} RETURN 'nodes ' + {_LABELS} AS what, count(*) AS number",
    f"{_NODE} WITH n AS of, {_LABELS} AS kind {_NAMES} {_COUNTED}",
    "MATCH ()-[r]->() RETURN 'relationships ' + type(r) AS what, count(*) AS number",
    f"MATCH ()-[of]->() WITH of, type(of) AS kind {_NAMES} {_COUNTED}",
)
_INDEXES = (
    "SHOW INDEXES YIELD type, state, labelsOrTypes, properties WHERE type <> 'LOOKUP' "
    "AND NOT any(label IN labelsOrTypes WHERE label STARTS WITH '_')"
)


def describe(driver: Driver, database: str) -> Graph:
    """Return nodes by label, relationships by type, their properties, and the indexes by type, label and property.

    Raises RuntimeError if an index is not ONLINE.
    """
    found: Graph = {}
    for statement in _STATEMENTS:
        rows = driver.execute_query(statement, database_=database).records
        found |= {row["what"]: row["number"] for row in rows}
    for row in driver.execute_query(_INDEXES, database_=database).records:
        index = f"index {row['type']} :{'|'.join(row['labelsOrTypes'])}({', '.join(row['properties'])})"
        if row["state"] != "ONLINE":
            raise RuntimeError(f"{index} is {row['state']}")
        found[index] = found.get(index, 0) + 1
    return found


def check_equal(graphs: Mapping[str, Graph], wanted: str) -> None:
    """Raise RuntimeError with every difference between the graph of a writer and that of the writer `wanted`."""
    model = graphs[wanted]
    differences = [
        f"{name} has {what}: {graph.get(what, 0)}, {wanted}: {model.get(what, 0)}"
        for name, graph in graphs.items()
        for what in sorted({*graph, *model})
        if graph.get(what, 0) != model.get(what, 0)
    ]
    if differences:
        raise RuntimeError("the writers' graphs differ: " + "; ".join(differences))
