"""A canonical dump of a graph, for tests of equality: nodes, properties, relationships, vectors."""

from __future__ import annotations

import json

# What differs between two loads of the same rows by design: when they were loaded, not what they hold.
RUN_BOUND = "_dn_version"
# The loader's own account of its loads, which is no part of what they hold.
REGISTRY = "_DeltaNeo4jLoad"


def dump(driver, database="neo4j"):
    """
    Give the whole graph as (nodes, relationships), sorted, independent of element ids and of load times.

    A node is its labels and all properties but the run-bound one, vectors included at full precision; a
    relationship is its type, its properties and both end nodes' identities.
    """
    with driver.session(database=database) as session:
        nodes = [
            (_node(record["labels"], record["properties"]))
            for record in session.run(f"MATCH (n:!{REGISTRY}) RETURN labels(n) AS labels, properties(n) AS properties")
        ]
        edges = [
            (
                _identity(record["start_labels"], record["start"]),
                record["type"],
                _text(record["properties"]),
                _identity(record["end_labels"], record["end"]),
            )
            for record in session.run(
                "MATCH (a)-[r]->(b) RETURN labels(a) AS start_labels, properties(a) AS start, type(r) AS type, "
                "properties(r) AS properties, labels(b) AS end_labels, properties(b) AS end"
            )
        ]
    return sorted(nodes), sorted(edges)


def _node(labels, properties):
    return ":".join(sorted(labels)), _text({name: value for name, value in properties.items() if name != RUN_BOUND})


def _identity(labels, properties):
    keys = {name: value for name, value in properties.items() if name.endswith("_id") or name == "id"}
    return ":".join(sorted(labels)), _text(keys)


def _text(properties):
    return json.dumps(properties, sort_keys=True, default=repr)
