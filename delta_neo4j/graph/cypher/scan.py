"""The statements that read what a table's rows have in the graph, to compare it with the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.mapping.plan import Chunks, Property, Relationship, Table

# The parts of a scan, by the first property of the key: all nodes; those from $low on and before $high; the others.
RANGES = {
    "all": "",
    "before": "WHERE {0} < $high",
    "between": "WHERE {0} >= $low AND {0} < $high",
    "from": "WHERE {0} >= $low",
    "others": "WHERE coalesce({0} >= $low, {0} < $low) IS NULL",  # no value, or one of another type
}
Ways = dict[tuple[str, bool], set[str]]  # labels at the other end, by type and direction (true: towards the node)


def count_nodes(label: str) -> str:
    """Build the count of the nodes with a label (nodes), which the server keeps."""
    return f"MATCH (n:{quoted(label)}) RETURN count(n) AS nodes"


def sample_keys(label: str, name: str) -> str:
    """Build the sample of a property's values (value) on the nodes with a label; `$share` of them, 0 to 1."""
    return f"MATCH (n:{quoted(label)}) WHERE rand() < $share RETURN n.{quoted(name)} AS value"


def read_nodes(table: Table, kind: str, ways: Ways, *, vectors: bool) -> str:
    """
    Build the read of one range (`RANGES`) of the nodes with a table's first label.

    Parameters: `$owner`, and `$low`, `$high` as the range needs them. Returns for each node (id, key, labels,
    properties, vector: the vector or, without `vectors`, whether there is one; r0…: for each relationship the edges of
    that type to such end nodes, as [end key and own key, properties]; turned: the loader's own edges of these types
    that no `ways` of the mapping has, as [type, direction, labels of the other node]).
    """
    embedding = table.vector_on_row
    hidden = f", {quoted(embedding.property)}: null" if embedding else ""
    vector = f"n.{quoted(embedding.property)}" if embedding else "null"
    related = [
        f"{_edges(each, table)} AS r{position}" for position, each in enumerate(table.relationships) if not each.retired
    ]
    parts = [
        "elementId(n) AS id",
        f"{_values('n', table.key)} AS key",
        "labels(n) AS labels",
        f"n {{.*{hidden}}} AS properties",
        f"{vector if vectors else f'{vector} IS NOT NULL'} AS vector",
        *related,
        f"{turned_edges(table, ways)} AS turned",
    ]
    return f"{_nodes(table.labels[0], table.key, kind)}\nRETURN {', '.join(parts)}"


def read_text_nodes(label: str, vector: str, kind: str, *, vectors: bool) -> str:
    """Build the read of one range of text nodes, as `read_nodes` does."""
    shown = f"n.{quoted(vector)}" if vectors else f"n.{quoted(vector)} IS NOT NULL"
    where = RANGES[kind].format("n.text_id")
    return (
        f"MATCH (n:{quoted(label)}) {where}\nRETURN elementId(n) AS id, [n.text_id] AS key, labels(n) AS labels, "
        f"n {{.*, {quoted(vector)}: null}} AS properties, {shown} AS vector, [] AS turned"
    )


def read_chunks(table: Table, chunks: Chunks, vector: str, kind: str, *, vectors: bool) -> str:
    """
    Build the read of the own relationships to chunks, of the rows' nodes in one range, as `read_nodes` does.

    The key is the row's and the chunk's id; id is that of the relationship, the other values are the chunk's.
    """
    shown = f"c.{quoted(vector)}" if vectors else f"c.{quoted(vector)} IS NOT NULL"
    edge = f"[e:{quoted(chunks.relationship)} {{_dn_owner: $owner}}]"
    return (
        f"{_nodes(table.labels[0], table.key, kind)}\nMATCH (n)-{edge}->(c:{quoted(chunks.label)})\n"
        f"RETURN elementId(e) AS id, {_values('n', table.key)} + [c.chunk_id] AS key, labels(c) AS labels, "
        f"c {{.*, {quoted(vector)}: null}} AS properties, {shown} AS vector, [] AS turned"
    )


def read_keys(label: str, key: tuple[str, ...], kind: str) -> str:
    """Build the read of the keys of one range of a label's nodes, as `read_nodes` does."""
    names = ", ".join(f"n.{quoted(name)}" for name in key)
    where = RANGES[kind].format(f"n.{quoted(key[0])}")
    return (
        f"MATCH (n:{quoted(label)}) {where}\nRETURN elementId(n) AS id, [{names}] AS key, {{}} AS properties, "
        "[] AS turned"
    )


def read_edges(table: Table, kind: str) -> str:
    """
    Build the read of an edge list's own edges at one range of its start nodes, those in the wrong direction too.

    Returns for each edge (id, key: keys of start, end and edge, properties, turned).
    """
    edge = table.edge
    if edge is None:
        raise ValueError(f"table {table.name} is no edge list")
    nodes = _nodes(edge.start_label, edge.start_key, kind)
    own = "e._dn_owner = $owner AND e._dn_version IS NOT NULL"
    parts = f"{_values('n', edge.start_key)} + {_values('m', edge.end_key)} + {_values('e', edge.key)} AS key"
    returned = f"RETURN elementId(e) AS id, {parts}, properties(e) AS properties"
    arrow, label = f"[e:{quoted(edge.type)}]", quoted(edge.end_label)
    forth = f"{nodes}\nMATCH (n)-{arrow}->(m:{label}) WHERE {own} {returned}, false AS turned"
    if edge.start_label == edge.end_label:
        return forth
    return f"{forth}\nUNION ALL\n{nodes}\nMATCH (n)<-{arrow}-(m:{label}) WHERE {own} {returned}, true AS turned"


def _nodes(label: str, key: tuple[Property, ...], kind: str) -> str:
    return f"MATCH (n:{quoted(label)}) {RANGES[kind].format(f'n.{quoted(key[0].name)}')}"


def _values(variable: str, key: Iterable[Property]) -> str:
    return f"[{', '.join(f'{variable}.{quoted(p.name)}' for p in key)}]"


def _edges(relationship: Relationship, table: Table) -> str:
    listed = " WHERE e._dn_version IS NULL" if relationship.type in table.listed_types else ""
    arrows = ("<-", "-") if relationship.incoming else ("-", "->")
    pattern = f"(n){arrows[0]}[e:{quoted(relationship.type)}]{arrows[1]}(m:{quoted(relationship.end_label)})"
    key = f"{_values('m', relationship.end_key)} + {_values('e', relationship.key)}"
    return f"[{pattern}{listed} | [{key}, properties(e)]]"


def turned_edges(table: Table, ways: Ways, returned: str = "") -> str:
    """Build the list of the own edges of a row's node `n` that no `ways` of the mapping has; `returned`: of each."""
    lists = []
    for kind in dict.fromkeys(each.type for each in table.relationships if not each.retired):
        for incoming in (False, True):
            labels = sorted(ways.get((kind, incoming), ()))
            known = " OR ".join(f"m:{quoted(label)}" for label in labels)
            pattern = f"(n)<-[e:{quoted(kind)}]-(m)" if incoming else f"(n)-[e:{quoted(kind)}]->(m)"
            other = f" AND NOT ({known})" if known else ""
            shown = returned or f"[type(e), {'true' if incoming else 'false'}, labels(m)]"
            lists.append(f"[{pattern} WHERE e._dn_owner = $owner{other} | {shown}]")
    return " + ".join(lists) or "[]"
