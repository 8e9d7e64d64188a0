"""
The statements of searches.

`h` is the node that was found: it has the vector or the indexed text. `n` is the node of its row: the same node, or the
node that leads to the text node or chunk `h`. Conditions are on properties of `n`; their values are the parameters
`$c0`, `$c1` and so on. Each search returns (found: number of rows that were found, labels, properties, text, score),
the best `$limit` rows first; of a row's chunks the best one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from delta_neo4j.mapping.identifiers import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.mapping.plan import Embedding, Table

# (property, operator); the place of the condition is the number of its parameter
Conditions = tuple[tuple[str, str], ...]
_CYPHER = {"!=": "<>", "in": "IN"}


def nearest(table: Table, embedding: Embedding, conditions: Conditions) -> str:
    """
    Build the search in a vector index, which yields the best candidates first.

    Parameters: `$index`, `$asked` (its candidates), `$vector`, `$limit`, and `$ranked`: of how many candidates the
    exact similarity is computed, if no condition and no text node or chunk changes their number.
    """
    best = "" if conditions or embedding.holder else "WITH h LIMIT $ranked "
    return (
        f"CALL db.index.vector.queryNodes($index, $asked, $vector) YIELD node AS h "
        f"WITH h WHERE h:{quoted(_holder(table))} {best}{_scored(embedding)} "
        f"{_rows(table, conditions, embedding.holder is not None)}"
    )


def nearest_inside(
    table: Table, embedding: Embedding, index: str, inside: Iterable[int], conditions: Conditions
) -> str:
    """
    Build the search in a vector index that itself applies the conditions with the numbers `inside`: Neo4j 2026.

    Parameters: `$asked`, `$vector`, `$limit`. The clause takes the index's name only as text.
    """
    within = " AND ".join(_condition("h", number, *conditions[number]) for number in inside)
    return (
        f"CYPHER 25 MATCH (h:{quoted(_holder(table))}) "
        f"SEARCH h IN (VECTOR INDEX {quoted(index)} FOR $vector WHERE {within} LIMIT $asked) "
        f"{_scored(embedding)} {_rows(table, conditions, held=False)}"
    )


def compare_all(table: Table, embedding: Embedding, conditions: Conditions) -> str:
    """Build the search that compares every vector and uses no vector index. Parameters: `$vector`, `$limit`."""
    holder = quoted(_holder(table))
    if embedding.holder is None or not conditions:
        where = f"WHERE {' AND '.join(_conditions('h', conditions))} " if conditions else ""
        found = f"MATCH (h:{holder}) {where}{_compared(embedding)}"
        return f"{found} {_rows(table, (), embedding.holder is not None)}"
    where = " AND ".join(_conditions("n", conditions))
    return (  # few rows fulfil the conditions: from them to their texts, each compared once
        f"MATCH (n:{quoted(table.labels[0])})-[:{quoted(embedding.holder.relationship)}]->(h:{holder}) WHERE {where} "
        f"WITH h, collect(n) AS rows {_compared(embedding, ', rows')} UNWIND rows AS n {_best(table)}"
    )


def words(table: Table, conditions: Conditions, *, limited: bool) -> str:
    """Build the search in a full-text index. Parameters: `$index`, `$query` (Lucene), `$limit`, `$asked` if limited."""
    label = table.fulltext.label if table.fulltext else table.labels[0]
    most = ", {limit: $asked}" if limited else ""
    return (
        f"CALL db.index.fulltext.queryNodes($index, $query{most}) YIELD node AS h, score "
        f"WITH h, score WHERE h:{quoted(label)} {_rows(table, conditions, label != table.labels[0])}"
    )


def holders(table: Table) -> str:
    """Build the count of nodes that may have a vector or a text, which Neo4j knows without reading them."""
    return f"MATCH (h:{quoted(_holder(table))}) RETURN count(h) AS nodes"


def fulfilling(table: Table, conditions: Conditions) -> str:
    """Build the count of rows that fulfil conditions, up to `$most`."""
    where = " AND ".join(_conditions("n", conditions))
    return f"MATCH (n:{quoted(table.labels[0])}) WHERE {where} WITH n LIMIT $most RETURN count(n) AS nodes"


def vectors_of(table: Table, embedding: Embedding) -> str:
    """Build the look-up of a row's vectors by its key, the parameter `$key`: records of (row: it exists, vector)."""
    key = ", ".join(f"{quoted(p.name)}: $key[{number}]" for number, p in enumerate(table.key))
    start = f"MATCH (n:{quoted(table.labels[0])} {{{key}}})"
    if embedding.holder is None:
        return f"{start} RETURN n.{quoted(embedding.property)} AS vector"
    kind, label = quoted(embedding.holder.relationship), quoted(embedding.holder.label)
    return f"{start} OPTIONAL MATCH (n)-[:{kind}]->(h:{label}) RETURN h.{quoted(embedding.property)} AS vector"


def neighbours(
    label: str, key: tuple[str, ...], edge: tuple[str, bool, str, tuple[str, ...]], vectors: Iterable[str]
) -> str:
    """
    Build the look-up of the nodes at the other end of rows' relationships of one kind, at most `$most` for a row.

    `key`: names of the properties of the row's key. `edge`: type, whether it comes from the other node, the label of
    the other node and the names of its key's properties. `vectors`: properties that are null in the answer. Parameter
    `$keys`: keys of rows. Returns (row: number of the row, key, labels, properties).
    """
    kind, incoming, end, end_key = edge
    of_row = ", ".join(f"{quoted(name)}: $keys[row][{number}]" for number, name in enumerate(key))
    arrow = f"<-[:{quoted(kind)}]-" if incoming else f"-[:{quoted(kind)}]->"
    parts = ", ".join(f"m.{quoted(name)}" for name in end_key)
    return (
        f"UNWIND range(0, size($keys) - 1) AS row MATCH (n:{quoted(label)} {{{of_row}}}) "
        f"CALL (n) {{ MATCH (n){arrow}(m:{quoted(end)}) RETURN DISTINCT m ORDER BY {parts} LIMIT $most }} "
        f"RETURN row, [{parts}] AS key, labels(m) AS labels, {_properties('m', vectors)} AS properties"
    )


def _holder(table: Table) -> str:
    holder = table.embedding.holder if table.embedding else None
    return holder.label if holder else table.labels[0]


def _condition(variable: str, number: int, name: str, operator: str) -> str:
    return f"{variable}.{quoted(name)} {_CYPHER.get(operator, operator)} $c{number}"


def _conditions(variable: str, conditions: Conditions) -> list[str]:
    return [_condition(variable, number, *condition) for number, condition in enumerate(conditions)]


def _scored(embedding: Embedding) -> str:
    similarity = f"vector.similarity.{embedding.index.similarity}(h.{quoted(embedding.property)}, $vector)"
    return f"WITH h, {similarity} AS score"


def _compared(embedding: Embedding, also: str = "") -> str:
    """Build the scores of nodes that may have no vector, or one of another size; each vector is read once."""
    return (
        f"WITH h{also}, h.{quoted(embedding.property)} AS vector WHERE size(vector) = size($vector) "
        f"WITH h{also}, vector.similarity.{embedding.index.similarity}(vector, $vector) AS score"
    )


def _rows(table: Table, conditions: Conditions, held: bool) -> str:
    """Build the way from (h, score) to the best rows; `held`: `h` is a text node or chunk, else the row's own node."""
    where = f" WHERE {' AND '.join(_conditions('n', conditions))}" if conditions else ""
    holder = table.embedding.holder if table.embedding else None
    if not held or holder is None:
        return f"WITH h AS n, h, score{where} {_ranked(table)}"
    # Each text gives at most $limit rows, in the order of their keys: thousands of rows may have it.
    return (
        f"CALL (h) {{ MATCH (n:{quoted(table.labels[0])})-[:{quoted(holder.relationship)}]->(h){where} "
        f"RETURN n ORDER BY {_key(table)} LIMIT $limit }} {_best(table)}"
    )


def _best(table: Table) -> str:
    return f"WITH n, h, score ORDER BY score DESC WITH n, collect(h)[0] AS h, max(score) AS score {_ranked(table)}"


def _ranked(table: Table) -> str:
    """Build the end of a search; rows of one score stand in the order of their keys, so that answers are repeatable."""
    text = table.shown_text
    shown = f"hit.h.{quoted(text)}" if text else "null"
    vectors = (table.vector_on_row.property,) if table.vector_on_row else ()
    return (
        f"WITH n, h, score ORDER BY score DESC, {_key(table)} "
        "WITH collect({n: n, h: h, score: score}) AS found UNWIND found[..$limit] AS hit "
        "WITH size(found) AS found, hit, hit.n AS n "
        f"RETURN found, labels(n) AS labels, {_properties('n', vectors)} AS properties, "
        f"{shown} AS text, hit.score AS score"
    )


def _properties(variable: str, vectors: Iterable[str]) -> str:
    """Build a node's properties with null for its vectors: for ten hits their transport took 5 ms of 17 (measured)."""
    return f"{variable} {{{', '.join(['.*', *(f'{quoted(name)}: null' for name in vectors)])}}}"


def _key(table: Table) -> str:
    return ", ".join(f"n.{quoted(p.name)}" for p in table.key)
