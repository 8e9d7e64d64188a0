"""A hundred edits by hand among 200,000 rows: each is found, nothing else is, and a repair restores the graph."""

from __future__ import annotations

import hashlib
import json
from array import array

import pytest
from pyspark.sql import functions as F  # noqa: N812

from delta_neo4j.runs.verify.verify import verify
from tests.support.tables import NAMES

pytestmark = [pytest.mark.deep, pytest.mark.timeout(3600)]

ROWS, TEXTS, OF_A_KIND = 200_000, 50, 10
NODE = "MATCH (n:RemovalEvent {removal_id: $key}) "
EDGE = NODE + "MATCH (n)<-[e:HAS_REMOVAL]-(c:Component) "
TURN = EDGE + "CREATE (n)-[f:HAS_REMOVAL]->(c) SET f = properties(e)"

# What is done to ten rows each, and the differences that it makes: (kind, what), of a relationship its beginning.
EDITS = {
    "another value": (NODE + "SET n.cost_estimate = -1.25", [("different", "cost_estimate")]),
    "another type": (NODE + "SET n.time_since_install = '7'", [("different", "time_since_install")]),
    "no value": (NODE + "REMOVE n.removal_date", [("different", "removal_date")]),
    "no node": (NODE + "DETACH DELETE n", [("missing", None)]),
    "another vector": (NODE + "SET n.embedding = [x IN n.embedding | -x]", [("vector_different", "vector")]),
    "no relationship": (EDGE + "DELETE e", [("relationship_missing", "<-[:HAS_REMOVAL]-")]),
    "a doubled relationship": (
        EDGE + "CREATE (n)<-[f:HAS_REMOVAL]-(c) SET f = properties(e)",
        [("relationship_extra", "<-[:HAS_REMOVAL]-")],
    ),
    "a turned relationship": (
        TURN + " DELETE e",
        [("relationship_extra", "-[:HAS_REMOVAL]->"), ("relationship_missing", "<-[:HAS_REMOVAL]-")],
    ),
    "another hash": (NODE + "SET n._dn_hash = 'x'", [("different", "_dn_hash")]),
    "another version": (NODE + "SET n._dn_version = 'x'", [("different", "_dn_version")]),
}


def _table(spark, path):
    rows = spark.range(ROWS).select(
        F.format_string("RE%06d", "id").alias(NAMES[0]),
        F.concat(F.lit("Oil leak at fitting "), F.col("id") % TEXTS).alias("RMV_REA_TX"),
        F.concat(F.lit("C"), F.col("id") % 997).alias("component_id"),
        F.concat(F.lit("A"), F.col("id") % 41).alias("aircraft_id"),
        F.lit("2024-08-15T14:30:00").alias("removal_date"),
        F.col("id").cast("string").alias("time_since_install"),
        F.concat("id", F.lit(".5")).alias("cost_estimate"),
        *[F.lit(None).cast("string").alias(name) for name in NAMES[1:] if name not in _FILLED],
    )
    rows.select(*[f"`{name}`" for name in NAMES]).write.format("delta").option("delta.columnMapping.mode", "name").save(
        path
    )


_FILLED = {"RMV_REA_TX", "component_id", "aircraft_id", "removal_date", "time_since_install", "cost_estimate"}


def _digest(graph):
    """Give a digest of all nodes and relationships with all properties, in any order; of a version only its source."""
    nodes = (
        "MATCH (n) WHERE NOT n:_DeltaNeo4jLoad "
        "RETURN labels(n) AS l, n {.*, _dn_version: split(n._dn_version, ':')[0]} AS p"
    )
    edges = (
        "MATCH (a)-[r]->(b:RemovalEvent) RETURN coalesce(a.component_id, a.aircraft_id) AS a, b.removal_id AS b, "
        "properties(r) AS p"
    )
    total = 0
    with graph.driver.session() as session:
        for query in (nodes, edges):
            for record in session.run(query):  # a sort of so many vectors would be larger than the server's memory
                values = record.data()
                vector = array("d", values["p"].pop("embedding", ())).tobytes()
                words = json.dumps(values, sort_keys=True, default=str).encode()
                total += int.from_bytes(hashlib.sha256(words + vector).digest()[:16])
    return total


def test_a_hundred_edits_among_200_000_rows_are_found_and_repaired(spark, newest_graph, loads):
    """No more and no less than the edits are reported; the repair restores every property; a foreign owner stays."""
    runs = loads(newest_graph)
    _table(spark, runs.source)
    assert runs.succeed()["totals"]["outcomes"]["written"] == ROWS
    before = _digest(newest_graph)
    keys = (f"RE{number:06d}" for number in range(500, ROWS, ROWS // 101))
    expected = []
    for statement, differences in EDITS.values():
        for _ in range(OF_A_KIND):
            key = next(keys)
            newest_graph.query(statement, key=key)
            expected += [(kind, json.dumps([f"'{key}'"]), what) for kind, what in differences]
    theirs = next(keys)
    newest_graph.query(NODE + "SET n._dn_owner = 'somebody'", key=theirs)

    (table,) = verify(spark, runs.settings(), vectors=True).tables
    found = [(each["kind"], each["key"], each["what"] and each["what"].split("(")[0]) for each in table.listed]
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert table.as_dict()["apart"]["not_ours"] == 1

    report = verify(spark, runs.settings(), vectors=True, repair=True)
    assert (report.is_equal, report.repaired) == (True, len(EDITS) * OF_A_KIND)
    assert newest_graph.value(NODE + "RETURN n._dn_owner AS o", key=theirs) == "somebody"
    newest_graph.query(NODE + "SET n._dn_owner = 'delta-neo4j'", key=theirs)
    assert _digest(newest_graph) == before
