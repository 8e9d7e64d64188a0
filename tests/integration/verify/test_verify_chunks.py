"""`verify` on chunks: each edit of a chunk by hand is found under the key of its row, and repaired."""

from __future__ import annotations

from delta_neo4j.runs.verify.verify import verify
from tests.support.graph_dump import dump

NOTES = """
tables:
  - name: notes
    source: notes
    labels: [Note]
    key: [{property: note_id, column: id}, {property: part, column: part, type: integer}]
    embedding:
      text: body
      index: {name: note_pieces}
      chunks: {label: Chunk, relationship: HAS_CHUNK, tokens: 16, overlap: 4}
"""
SCHEMA = "id STRING, part BIGINT, body STRING"
LONG = " ".join(f"word{number} means something." for number in range(12))
CHUNK = "MATCH (n:Note {note_id: $note})-[e:HAS_CHUNK]->(c:Chunk {index: $index}) "


def _found(runs, *, vectors):
    """Give the differences as (kind, key, what, expected, found)."""
    (table,) = verify(runs.spark, runs.settings(), vectors=vectors).tables
    names = ("kind", "key", "what", "expected", "found")
    return sorted(tuple(each[name] for name in names) for each in table.listed), table


def _short(found):
    return [each[:3] for each in found]


def test_every_edit_of_a_chunk_is_found_under_its_row_and_repaired(tables, newest_graph):
    """Text, vector, node and relationship, too many and too few; what others added stays, and no other row differs."""
    ask = newest_graph.query
    rows = [(f"n{n}", 1, f"{n} {LONG}") for n in range(9)] + [("brief", 2, "one chunk"), ("none", 3, None)]
    rows += [("twice", 4, f"x {LONG}"), ("twice", 4, f"y {LONG}")]
    runs = tables(NOTES, {"notes": rows}, {"notes": SCHEMA})
    runs.succeed()
    ask("MATCH (n:Note {note_id: 'n8'})-->(c:Chunk {index: 0}) SET c.mine = 1 CREATE (:Mine)-[:LIKES]->(c)")
    before = dump(newest_graph.driver)

    text = newest_graph.value(f"{CHUNK} RETURN c.text AS text", note="n0", index=1)
    ask(f"{CHUNK} SET c.text = 'other'", note="n0", index=1)
    ask(f"{CHUNK} DETACH DELETE c", note="n1", index=2)
    ask(f"{CHUNK} SET c.embedding = [x IN c.embedding | -x]", note="n2", index=0)
    ask(f"{CHUNK} REMOVE c.embedding", note="n3", index=0)
    ask(f"{CHUNK} DELETE e", note="n4", index=1)
    ask(f"{CHUNK} CREATE (n)-[f:HAS_CHUNK]->(d:Chunk) SET f = e, d = c {{.*, chunk_id: 'mine#77'}}", note="n5", index=1)
    ask(f"{CHUNK} CREATE (n)-[f:HAS_CHUNK]->(c) SET f = e", note="n6", index=0)
    ask(f"{CHUNK} MATCH (m:Note {{note_id: 'none'}}) CREATE (m)-[f:HAS_CHUNK]->(c) SET f = e", note="n6", index=1)
    ask("MATCH (n:Note {note_id: 'n7'}) DETACH DELETE n")
    ask("MATCH (n:Note {note_id: 'twice'})-->(c) SET c.text = 'which row is it'")
    expected = [
        ("chunk_different", '["\'n0\'","1"]', "chunk 1 text", repr(text), "'other'"),
        ("chunk_extra", '["\'n5\'","1"]', "chunk 77", None, None),
        ("chunk_extra", '["\'n6\'","1"]', "chunk 0", None, None),
        ("chunk_extra", '["\'none\'","3"]', "chunk 1", None, None),
        ("chunk_missing", '["\'n1\'","1"]', "chunk 2", None, None),
        ("chunk_missing", '["\'n4\'","1"]', "chunk 1", None, None),
        ("missing", '["\'n7\'","1"]', None, None, None),
        ("vector_missing", '["\'n3\'","1"]', "chunk 0 vector", "True", "False"),
    ]
    found, table = _found(runs, vectors=False)
    assert found == expected
    assert table.as_dict()["chunks"] == {"missing": 2, "extra": 3, "different": 1}
    found, _ = _found(runs, vectors=True)
    swapped = ("vector_different", '["\'n2\'","1"]', "chunk 0 vector")
    assert _short(found) == sorted([*_short(expected), swapped])

    report = verify(runs.spark, runs.settings(), vectors=True, repair=True)
    assert report.is_equal
    assert report.repaired == 9
    ask("MATCH (n:Note {note_id: 'twice'}) DETACH DELETE n")
    assert verify(runs.spark, runs.settings(), repair=True).is_equal
    assert dump(newest_graph.driver) == before
    assert runs.succeed()["totals"]["rows_read"] == 0
