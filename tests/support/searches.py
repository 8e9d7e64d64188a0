"""Graphs to search, written without Spark, and the answers that comparing every row gives."""

from __future__ import annotations

import datetime as dt
import operator

import numpy as np

from delta_neo4j.graph import schema
from delta_neo4j.mapping.model import MappingModel
from delta_neo4j.mapping.plan import Mapping
from delta_neo4j.settings.connection import Connection
from tests.support.neo4j_servers import PASSWORD

DIMENSION = 16
PROPERTIES = [
    {"column": "text"},
    {"column": "priority", "filterable": True},
    {"column": "cost", "type": "float", "filterable": True},
    {"column": "hours", "type": "integer"},
    {"column": "urgent", "type": "boolean", "filterable": True},
    {"column": "day", "type": "date", "filterable": True},
    {"column": "moment", "type": "datetime"},
    {"column": "wall", "type": "local_datetime"},
    {"column": "tags", "type": "list<string>"},
]
INDEX = {"name": "event_vectors", "dimension": DIMENSION}
OPERATORS = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "in": lambda one, many: one in many,
}  # fmt: skip


def events(**changes):
    """Give a mapping of events with a vector, an index on their text, and an aircraft each; `changes` of the table."""
    table = {
        "name": "events",
        "source": "t",
        "labels": ["Event"],
        "key": [{"column": "id"}],
        "properties": PROPERTIES,
        "embedding": {"text": "text", "index": INDEX},
        "fulltext": {"index": "event_texts"},
        "relationships": [{"type": "CONCERNS", "end": {"label": "Aircraft", "key": [{"column": "tail"}]}}],
    }
    model = MappingModel(tables=[{name: value for name, value in {**table, **changes}.items() if value is not None}])
    return Mapping("events.yml", tuple(each.planned() for each in model.tables))


def rows(number):
    """Give so many events whose vectors lie in groups; each hundredth has no vector and no priority."""
    random = np.random.default_rng(7)
    middles = random.standard_normal((40, DIMENSION))
    made = []
    for n in range(number):
        vector = middles[n % 40] + 0.4 * random.standard_normal(DIMENSION)
        lacking = n % 100 == 99
        made.append(
            {
                "id": f"E{n:05d}",
                "text": f"{'oil' if n % 2 else 'fuel'} leak at fitting {n % 40}, part P-{n}",
                "priority": None if lacking else ("HIGH", "LOW", "MIDDLE")[n % 3],
                "cost": n / 2,
                "hours": n % 500,
                "urgent": n % 5 == 0,
                "day": dt.date(2024, 1, 1) + dt.timedelta(days=n % 300),
                "moment": dt.datetime(2024, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=n),
                "wall": dt.datetime(2024, 1, 1) + dt.timedelta(hours=n),  # noqa: DTZ001  # has no zone
                "tags": ["a", "b"],
                "embedding": None if lacking else (vector / np.linalg.norm(vector)).astype(np.float32).tolist(),
            }
        )
    return made


def fill(graph, mapping, made):
    """Make the mapping's constraints and indexes, and an Event for each row, three of them with their aircraft."""
    schema.ensure(connection(graph), mapping)
    graph.query("UNWIND $rows AS row CREATE (n:Event {_dn_owner: 'x'}) SET n += row", rows=made)
    graph.query(
        "UNWIND range(0, 2) AS i MATCH (n:Event {id: 'E0000' + i}) "
        "CREATE (n)-[:CONCERNS]->(:Aircraft {tail: 'N' + i, seats: 100 + i})"
    )
    graph.query("CALL db.awaitIndexes(60)")


def connection(graph):
    """Give the connection to a server of the tests."""
    return Connection(graph.uri, "neo4j", PASSWORD, "neo4j", 5)


def fulfils(row, conditions):
    """Return whether a row fulfils conditions; a missing value fulfils none."""
    return all(
        row[each.name] is not None and OPERATORS[each.operator](row[each.name], each.value) for each in conditions
    )


def best(made, vector, limit, conditions=()):
    """Return the keys of the nearest rows: every vector is compared; equal ones stand in the order of their keys."""
    scored = [
        (-float(np.dot(row["embedding"], vector) / np.linalg.norm(row["embedding"])), row["id"])
        for row in made
        if row["embedding"] is not None and fulfils(row, conditions)
    ]
    return [key for _, key in sorted(scored)[:limit]]
