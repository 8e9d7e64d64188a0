"""A whole graph as lines of JSON, and back into an empty database: what a version of the loader left, kept exactly."""

from __future__ import annotations

import json

from neo4j.spatial import CartesianPoint, Point, WGS84Point
from neo4j.time import Date, DateTime

from tests.support.graph_dump import REGISTRY

_POINTS = {7203: CartesianPoint, 4326: WGS84Point}  # by srid


def lines(driver, shown=lambda _, value: value, database="neo4j"):
    """
    Give constraints and indexes, nodes and relationships, a line each; equal graphs give equal lines.

    The registry is left out. All properties are there, with the values that `shown` gives. A relationship names its
    nodes by their place among the nodes.
    """

    def properties(record):
        return _plain({name: shown(name, value) for name, value in record["properties"].items()})

    with driver.session(database=database) as session:
        made = [record["made"] for query in _SCHEMA for record in session.run(query)]
        schema = [statement for statement in made if REGISTRY not in statement]
        nodes = {
            record["id"]: json.dumps({"labels": sorted(record["labels"]), "properties": properties(record)})
            for record in session.run(
                f"MATCH (n:!{REGISTRY}) RETURN elementId(n) AS id, labels(n) AS labels, n{{.*}} AS properties"
            )
        }
        places = {element: place for place, element in enumerate(sorted(nodes, key=nodes.get))}
        edges = [
            {
                "type": record["type"],
                "from": places[record["start"]],
                "to": places[record["end"]],
                "properties": properties(record),
            }
            for record in session.run(
                "MATCH (a)-[r]->(b) RETURN type(r) AS type, elementId(a) AS start, elementId(b) AS end, "
                "r{.*} AS properties"
            )
        ]
    return [
        *(json.dumps({"schema": statement}) for statement in sorted(schema)),
        *sorted(nodes.values()),
        *sorted(json.dumps(edge) for edge in edges),
    ]


def restore(driver, kept, database="neo4j"):
    """Make the graph of `lines` in an empty database."""
    parts = [json.loads(line, object_hook=_typed) for line in kept]
    nodes = [part for part in parts if "labels" in part]
    with driver.session(database=database) as session:
        for statement in (part["schema"] for part in parts if "schema" in part):
            session.run(statement).consume()
        made = session.run(
            "UNWIND range(0, size($nodes) - 1) AS place WITH place, $nodes[place] AS node "
            "CREATE (n:$(node.labels)) SET n = node.properties RETURN elementId(n) AS id ORDER BY place",
            nodes=nodes,
        ).value("id")
        edges = [{**part, "from": made[part["from"]], "to": made[part["to"]]} for part in parts if "type" in part]
        session.run(
            "UNWIND $edges AS edge MATCH (a), (b) WHERE elementId(a) = edge.from AND elementId(b) = edge.to "
            "CREATE (a)-[r:$(edge.type)]->(b) SET r = edge.properties",
            edges=edges,
        ).consume()
        session.run("CALL db.awaitIndexes(60)").consume()


_SCHEMA = (
    "SHOW CONSTRAINTS YIELD createStatement AS made",
    "SHOW VECTOR INDEXES YIELD createStatement AS made",
)


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(value[name]) for name in sorted(value)}
    if isinstance(value, Point):
        return {"$point": [value.srid, *value]}
    if isinstance(value, Date):
        return {"$date": value.iso_format()}
    if isinstance(value, DateTime):
        return {"$datetime": value.iso_format()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _typed(found):
    match found:
        case {"$point": [srid, *place]}:
            return _POINTS[srid](place)
        case {"$date": text}:
            return Date.from_iso_format(text)
        case {"$datetime": text}:
            return DateTime.from_iso_format(text)
    return found
