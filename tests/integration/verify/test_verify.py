"""`verify` against a real graph: it finds every edit by hand, and nothing else."""

from __future__ import annotations

import datetime as dt
import re

from delta_neo4j.graph import scan
from delta_neo4j.runs.verify.verify import verify
from tests.support.graph_dump import dump

MAPPING = """
tables:
  - name: parts
    source: parts
    labels: [Part, Thing]
    key: [{property: part_id, column: id, type: integer}]
    properties:
      - {column: name}
      - {column: price, type: float}
      - {column: made, type: date}
      - {column: seen, type: datetime}
      - {column: wall, type: local_datetime}
      - {column: tags, type: list<string>}
      - {column: place, type: point}
      - {column: detail, type: map}
    embedding: {text: note, index: {name: part_notes, dimension: 384, similarity: cosine}}
    relationships:
      - {type: MADE_BY, direction: out, end: {label: Maker, key: [{property: maker_id, column: maker}]},
         properties: [{column: price, type: float}]}
      - {type: HOLDS, direction: in, end: {label: Box, key: [{property: box_id, column: box}]},
         on_missing: skip}
  - name: links
    source: links
    relationship:
      type: FITS
      from: {label: Part, key: [{property: part_id, column: a, type: integer}]}
      to: {label: Part, key: [{property: part_id, column: b, type: integer}]}
      on_missing: skip
    properties: [{column: weight, type: float}]
"""
PARTS = (
    "id BIGINT, name STRING, price DOUBLE, made DATE, seen TIMESTAMP, wall TIMESTAMP_NTZ, tags ARRAY<STRING>, "
    "place STRUCT<longitude: DOUBLE, latitude: DOUBLE>, detail MAP<STRING, BIGINT>, note STRING, maker STRING, "
    "box STRING"
)
NOON = dt.datetime(2024, 8, 15, 12, 30, 0, 123456)  # noqa: DTZ001  # for a column without a zone


def part(number, **changes):
    """Give a row of `parts`."""
    row = {
        "id": number, "name": f"part {number}", "price": number / 7, "made": dt.date(1, 1, 1),
        "seen": NOON.replace(tzinfo=dt.UTC), "wall": NOON, "tags": ["a", f"t{number}"],
        "place": {"longitude": 7.5, "latitude": float(number)}, "detail": {"x": number}, "note": f"note {number % 5}",
        "maker": f"M{number % 3}", "box": "none",
    }  # fmt: skip
    return tuple({**row, **changes}.values())


def held(graph):
    """Give the whole graph, without versions."""
    return re.sub(r'"_dn_version": "[^"]*", ', "", str(dump(graph.driver)))


def test_every_edit_by_hand_is_found_and_nothing_else(spark, tables, newest_graph, monkeypatch):
    """Each edit of a property, node, vector or relationship is one difference; the repaired graph is the loaded one."""
    ask = newest_graph.query
    monkeypatch.setattr(scan, "_RANGE_NODES", 10)  # the graph is read in several ranges
    rows = [part(n) for n in range(40)]
    rows += [part(99, id=None), part(40, name="x"), part(40, name="y"), part(41, note=None, maker=None, detail=None)]
    links = [(n, n + 1, 0.5) for n in range(30)] + [(1, 999, 1.0), (2, None, 1.0)]
    runs = tables(
        MAPPING, {"parts": rows, "links": links}, {"parts": PARTS, "links": "a BIGINT, b BIGINT, weight DOUBLE"}
    )
    ask("CREATE (:Box {box_id: 'other'}), (:Part {part_id: 1000})")
    runs.succeed()
    before = held(newest_graph)
    ask("MATCH (n:Part {part_id: 1}) SET n.name = 'other', n.note = 'theirs'")
    ask("MATCH (n:Part {part_id: 2}) SET n.price = '0.2857142857142857'")
    ask("MATCH (n:Part {part_id: 3}) REMOVE n.made")
    ask("MATCH (n:Part {part_id: 4}) SET n.seen = n.seen + duration({nanoseconds: 1})")
    ask("MATCH (n:Part {part_id: 5}) SET n.`detail.y` = 1")
    ask("MATCH (n:Part {part_id: 6}) DETACH DELETE n")
    ask("MATCH (n:Part {part_id: 7}) SET n.embedding = [x IN n.embedding | -x]")
    ask("MATCH (n:Part {part_id: 8}) REMOVE n.embedding")
    ask("MATCH (n:Part {part_id: 9})-[e:MADE_BY]->() DELETE e")
    ask("MATCH (n:Part {part_id: 10})-[e:MADE_BY]->(m) CREATE (n)-[f:MADE_BY]->(m) SET f = properties(e)")
    ask("MATCH (n:Part {part_id: 11})-[e:MADE_BY]->(m) CREATE (n)<-[f:MADE_BY]-(m) SET f = properties(e) DELETE e")
    ask("MATCH (n:Part {part_id: 12})-[e:MADE_BY]->() SET e.price = 0.0")
    ask("MATCH (n:Part {part_id: 13}) SET n._dn_hash = 'x'")
    ask("MATCH (n:Part {part_id: 14}) SET n._dn_version = 'x'")
    ask("MATCH (n:Part {part_id: 15}) REMOVE n:Thing")
    ask("MATCH (n:Part {part_id: 16}) CREATE (m:Part) SET m = n {.*, part_id: 500}")
    ask("MATCH (n:Part {part_id: 17}) SET n._dn_owner = 'x'")
    ask("MATCH (:Part {part_id: 18})-[e:FITS]->() DELETE e")
    ask("MATCH (a:Part {part_id: 19})-[e:FITS]->(b) CREATE (b)-[f:FITS]->(a) SET f = properties(e)")
    ask("MATCH (a:Part {part_id: 20})-[e:FITS]->(b {part_id: 21}) CREATE (a)-[f:FITS]->(b) SET f = properties(e)")
    ask("MATCH (:Part {part_id: 21})-[e:FITS]->() SET e.weight = 1.5")
    ask("MATCH (n:Part {part_id: 22}) SET n._dn_rel_hash = 'x'")
    expected = [
        ("different", "['1']", "name"),
        ("different", "['2']", "price"),
        ("different", "['3']", "made"),
        ("different", "['4']", "seen"),
        ("different", "['5']", "detail.y"),
        ("missing", "['6']", None),
        ("vector_different", "['7']", "vector"),
        ("vector_missing", "['8']", "vector"),
        ("relationship_missing", "['9']", "-[:MADE_BY]->(:Maker [\"'M0'\"])"),
        ("relationship_extra", "['10']", "-[:MADE_BY]->(:Maker [\"'M1'\"])"),
        ("relationship_missing", "['11']", "-[:MADE_BY]->(:Maker [\"'M2'\"])"),
        ("relationship_extra", "['11']", "<-[:MADE_BY]-(:Maker turned)"),
        ("relationship_different", "['12']", "-[:MADE_BY]->(:Maker [\"'M0'\"])"),
        ("different", "['13']", "_dn_hash"),
        ("different", "['14']", "_dn_version"),
        ("different", "['15']", "label Thing"),
        ("extra", "['500']", None),
        ("missing", "['18', '19']", None),
        ("extra", "['20', '19']", None),
        ("extra", "['20', '21']", None),
        ("different", "['21', '22']", "weight"),
        ("different", "['22']", "_dn_rel_hash"),
    ]
    # A repair compares, writes what differs again and nothing else, and compares once more; what others added stays.
    report = verify(spark, runs.settings(), vectors=True, repair=True)
    found = sorted((each["kind"], each["key"], each["what"]) for table in report.before for each in table.listed)
    assert found == sorted((kind, str(key).replace("'", '"').replace(", ", ","), what) for kind, key, what in expected)
    assert [sum(table.differences.values()) for table in report.before] == [18, 4]
    assert [table.as_dict()["apart"]["ambiguous"] for table in report.before] == [1, 0]
    assert [table.as_dict()["apart"]["not_ours"] for table in report.before] == [1, 0]
    assert report.is_equal
    assert report.repaired == 23
    ask("MATCH (n:Part {part_id: 1}) REMOVE n.note")
    ask("MATCH (n:Part {part_id: 17}) SET n._dn_owner = 'delta-neo4j'")
    assert held(newest_graph) == before
    assert runs.succeed()["totals"]["rows_read"] == 0
