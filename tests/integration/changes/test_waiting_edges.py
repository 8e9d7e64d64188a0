"""Relationships whose end comes later: the run that brings the end writes them."""

from __future__ import annotations

import pytest

from delta_neo4j.runs.verify.verify import verify
from delta_neo4j.state.tables import State

MAPPING = """
tables:
  - name: parts
    source: parts
    labels: [Part]
    key: [{property: part_id, column: id}]
    properties: [{column: size, type: integer}]
    relationships:
      - type: MADE_BY
        end: {label: Maker, key: [{property: maker_id, column: maker}]}
        on_missing: MISSING
        properties: [{column: year, type: integer}]
  - name: fits
    source: fits
    relationship:
      type: FITS
      from: {label: Part, key: [{property: part_id, column: part}]}
      to: {label: Maker, key: [{property: maker_id, column: maker}]}
      on_missing: MISSING
    properties: [{column: since, type: integer}]
  - name: makers
    source: makers
    labels: [Maker]
    key: [{property: maker_id, column: id}]
    properties: [{column: name}]
"""
SCHEMAS = {
    "parts": "id STRING, maker STRING, size INT, year INT",
    "fits": "part STRING, maker STRING, since INT",
    "makers": "id STRING, name STRING",
}
ROWS = {
    "parts": [("p1", "m1", 1, 2001), ("p2", "m2", 2, 2002), ("p3", None, 3, None)],
    "fits": [("p1", "m2", 2011), ("p9", "m1", 2012)],
    "makers": [("m1", "one")],
}
EDGES = (
    "MATCH (a:Part)-[r]->(b:Maker) RETURN type(r) AS t, a.part_id AS a, b.maker_id AS b, coalesce(r.year, r.since) AS p"
)


def _edges(graph):
    return {tuple(row.values()) for row in graph.query(EDGES)}


def _add(spark, folder, name, *rows):
    frame = spark.createDataFrame(list(rows), SCHEMAS[name])
    frame.write.format("delta").mode("append").save(str(folder / name))


def _waiting(summary, mode="skip"):
    """Give the edges that wait by table; where they are dead letters, so many letters are open."""
    waiting = {table["name"]: table["waiting_edges"] for table in summary["tables"]}
    letters = {table["name"]: table["open_dead_letters"] for table in summary["tables"]}
    assert letters == (waiting if mode == "dead_letter" else dict.fromkeys(waiting, 0))
    return waiting


def _agree(runs):
    report = verify(runs.spark, runs.settings())
    assert report.is_equal, report.lines()


def test_an_edge_is_written_by_the_run_that_brings_its_end(spark, tables, newest_graph, tmp_path):
    """Own relationships and edge lists, with their properties; a run that was killed is made good by the next one."""
    mode = "dead_letter"
    parts = [*ROWS["parts"], ("p4", "m8", 4, 2004)]
    runs = tables(MAPPING.replace("MISSING", mode), ROWS | {"parts": parts}, SCHEMAS)
    summary = runs.succeed()
    # m1 comes in the same run, after the rows that lead to it.
    assert _waiting(summary, mode) == {"parts": 2, "fits": 2, "makers": 0}
    assert _edges(newest_graph) == {("MADE_BY", "p1", "m1", 2001)}
    _agree(runs)

    def reads_no_table(step, value):
        assert step != "waiting"
        return value

    # Neither an end nor another version of a row has come: the graph alone says that all of them wait on.
    assert _waiting(runs.run(reads_no_table).summary(), mode) == {"parts": 2, "fits": 2, "makers": 0}
    version = newest_graph.value("MATCH (n:Part {part_id: 'p2'}) RETURN n._dn_version AS v")
    # No end comes, but a row leads to another one from now on: what it waited for is void.
    _add(spark, tmp_path, "parts", ("p4", "m7", 4, 2010))
    assert _waiting(runs.succeed(), mode) == {"parts": 2, "fits": 2, "makers": 0}

    def killed(step, value):
        if step == "waiting_closed":
            raise RuntimeError("killed here")
        return value

    # The start of an edge list's row comes.
    _add(spark, tmp_path, "makers", ("m2", "two"))
    _add(spark, tmp_path, "parts", ("p9", None, 9, None))
    with pytest.raises(RuntimeError, match="killed here"):
        runs.run(killed)
    assert _waiting(runs.succeed(), mode) == {"parts": 1, "fits": 0, "makers": 0}
    three = {("MADE_BY", "p1", "m1", 2001), ("MADE_BY", "p2", "m2", 2002), ("FITS", "p1", "m2", 2011)}
    assert _edges(newest_graph) == three | {("FITS", "p9", "m1", 2012)}
    assert newest_graph.value("MATCH (n:Part {part_id: 'p2'}) RETURN n._dn_version AS v") == version

    _add(spark, tmp_path, "makers", ("m7", "seven"), ("m8", "eight"))
    assert _waiting(runs.succeed(), mode) == {"parts": 0, "fits": 0, "makers": 0}
    assert _edges(newest_graph) == three | {("FITS", "p9", "m1", 2012), ("MADE_BY", "p4", "m7", 2010)}
    entries = State(runs.state).read(spark, "waiting_edges").count()
    assert _waiting(runs.succeed(), mode) == {"parts": 0, "fits": 0, "makers": 0}
    assert State(runs.state).read(spark, "waiting_edges").count() == entries


@pytest.mark.deep
def test_a_feed_takes_back_what_waits(spark, tables, newest_graph, tmp_path):
    """A row that was deleted or changed while its edge waited brings no edge; a row that came back does."""
    runs = tables(MAPPING.replace("MISSING", "skip"), ROWS, SCHEMAS)
    for name in SCHEMAS:
        spark.sql(f"ALTER TABLE delta.`{tmp_path / name}` SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    _add(spark, tmp_path, "parts", ("p4", "m4", 4, 2004), ("p5", "m4", 5, 2005))
    _add(spark, tmp_path, "fits", ("p1", "m4", 2014), ("p2", "m4", 2015))
    summary = runs.succeed()
    assert {table["source_mode"] for table in summary["tables"]} == {"cdf"}
    assert _waiting(summary) == {"parts": 3, "fits": 4, "makers": 0}
    parts, fits = (f"delta.`{tmp_path / name}`" for name in ("parts", "fits"))
    spark.sql(f"DELETE FROM {parts} WHERE id = 'p4'")
    spark.sql(f"UPDATE {parts} SET year = 2055 WHERE id = 'p5'")
    spark.sql(f"DELETE FROM {fits} WHERE part = 'p1' AND maker = 'm4'")
    _add(spark, tmp_path, "makers", ("m4", "four"))
    summary = runs.succeed()
    assert _edges(newest_graph) == {
        ("MADE_BY", "p1", "m1", 2001),
        ("MADE_BY", "p5", "m4", 2055),
        ("FITS", "p2", "m4", 2015),
    }
    assert _waiting(summary) == {"parts": 1, "fits": 2, "makers": 0}
    _add(spark, tmp_path, "parts", ("p4", "m4", 4, 2044))
    _add(spark, tmp_path, "makers", ("m2", "two"))
    assert _waiting(runs.succeed()) == {"parts": 0, "fits": 1, "makers": 0}
    assert ("MADE_BY", "p4", "m4", 2044) in _edges(newest_graph)
    assert ("MADE_BY", "p2", "m2", 2002) in _edges(newest_graph)
    _agree(runs)


def test_an_edge_that_goes_with_its_end_comes_back_with_it(spark, tables, newest_graph, tmp_path):
    """Of rows that did not change, also if the run is killed right after its delete; a deleted row's edge does not."""
    rows = ROWS | {"fits": [("p1", "m2", 2011), ("p2", "m1", 2012)], "makers": [("m1", "one"), ("m2", "two")]}
    gone = "    properties: [{column: name}]\n    deleted_when: name = 'gone'\n"
    runs = tables(MAPPING.replace("MISSING", "skip").replace("    properties: [{column: name}]\n", gone), rows, SCHEMAS)
    for name in SCHEMAS:
        spark.sql(f"ALTER TABLE delta.`{tmp_path / name}` SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    assert _waiting(runs.succeed()) == dict.fromkeys(SCHEMAS, 0)
    of_m1 = {("MADE_BY", "p1", "m1", 2001), ("FITS", "p2", "m1", 2012)}
    of_m2 = {("MADE_BY", "p2", "m2", 2002), ("FITS", "p1", "m2", 2011)}
    assert _edges(newest_graph) == of_m1 | of_m2
    versions = "MATCH (n:Part) RETURN n.part_id AS id, n._dn_version AS v ORDER BY id"
    before = newest_graph.query(versions)
    makers, fits = (f"delta.`{tmp_path / name}`" for name in ("makers", "fits"))

    def killed(step, value):
        if step == "ledger":
            raise RuntimeError("killed here")
        return value

    spark.sql(f"DELETE FROM {makers} WHERE id = 'm1'")
    assert "killed here" in str(runs.run(killed, allow_deletes=10).error)
    assert _edges(newest_graph) == of_m2
    summary = runs.succeed(allow_deletes=10)
    assert _waiting(summary) == {"parts": 1, "fits": 1, "makers": 0}
    assert newest_graph.value("MATCH (n:Maker) RETURN collect(n.maker_id) AS v") == ["m2"]

    spark.sql(f"UPDATE {makers} SET name = 'gone' WHERE id = 'm2'")
    assert _waiting(runs.succeed(allow_deletes=10)) == {"parts": 2, "fits": 2, "makers": 0}
    assert newest_graph.value("MATCH (n) WHERE n:Maker RETURN count(n) AS v") == 0
    spark.sql(f"DELETE FROM {fits} WHERE part = 'p2'")
    _add(spark, tmp_path, "makers", ("m1", "one again"))
    spark.sql(f"UPDATE {makers} SET name = 'two again' WHERE id = 'm2'")
    assert _waiting(runs.succeed(allow_deletes=10)) == dict.fromkeys(SCHEMAS, 0)
    assert _edges(newest_graph) == {("MADE_BY", "p1", "m1", 2001)} | of_m2
    assert newest_graph.query(versions) == before
    _agree(runs)


SWEPT = """
tables:
  - name: parts
    source: parts
    labels: [Part]
    key: [{property: part_id, column: id, type: integer}]
    properties: [{column: size, type: integer}]
    relationships:
      - {type: MADE_BY, end: {label: Maker, key: [{property: maker_id, column: maker}]}, on_missing: skip}
      - {type: MADE_FOR, end: {label: Maker, key: [{property: maker_id, column: buyer}]}, on_missing: merge}
      - {type: SOLD_BY, end: {label: Maker, key: [{property: maker_id, column: seller}]}, on_missing: skip}
  - name: makers
    source: makers
    source_mode: snapshot
    labels: [Maker]
    key: [{property: maker_id, column: id}]
    properties: [{column: name}]
    relationships:
      - {type: OWNED_BY, end: {label: Maker, key: [{property: maker_id, column: owner}]}, on_missing: dead_letter}
"""


def test_a_sweep_takes_edges_and_keeps_what_others_need(spark, tables, newest_graph, tmp_path):
    """
    A node that `merge` relationships lead to stays with all that leads to it; keys may be written in two ways.

    Of several rows of a key, that comes back which the graph has.
    """
    schemas = {
        "parts": "id STRING, maker STRING, buyer STRING, size INT, seller STRING",
        "makers": "id STRING, name STRING, owner STRING",
    }
    makers = [("m1", "one", None), ("m2", "two", "m1"), ("m3", "three", "m2")]
    parts = [("01", "m1", None, 1, None), ("02", "m2", None, 2, None), ("03", "m2", "m2", 3, None)]
    older = [("04", "m1", None, 4, "m2"), ("05", "m1", None, 4, "m3")]
    newer = [("04", "m1", None, 4, "m3"), ("05", "m1", None, 4, "m2")]
    runs = tables(SWEPT, {"parts": parts + older, "makers": makers}, schemas)
    runs.succeed()
    spark.createDataFrame(newer, schemas["parts"]).write.format("delta").mode("append").save(str(tmp_path / "parts"))
    runs.succeed()
    found = "MATCH (a)-[r]->(b) RETURN type(r) AS t, coalesce(a.part_id, a.maker_id) AS a, b.maker_id AS b"

    def overwrite(*left):
        frame = spark.createDataFrame(list(left), schemas["makers"])
        frame.write.format("delta").mode("overwrite").save(str(tmp_path / "makers"))
        return runs.succeed(allow_deletes=10)

    whole = _all(newest_graph, found)
    summary = overwrite(makers[2])
    assert {table["name"]: table["waiting_edges"] for table in summary["tables"]} == {"parts": 3, "makers": 0}
    sold = {("SOLD_BY", 4, "m3"), ("SOLD_BY", 5, "m2")}
    to_stub = sold | {("MADE_BY", 2, "m2"), ("MADE_BY", 3, "m2"), ("MADE_FOR", 3, "m2"), ("OWNED_BY", "m3", "m2")}
    assert _all(newest_graph, found) == to_stub
    assert newest_graph.query("MATCH (n:Maker) WHERE n.name IS NULL RETURN keys(n) AS k") == [
        {"k": ["maker_id", "_dn_owner"]}
    ]
    seen = []
    unsound = spark.createDataFrame([(None, "m1", None, 1, None)], schemas["parts"])
    unsound.write.format("delta").mode("append").save(str(tmp_path / "parts"))
    assert runs.run(lambda step, value: (seen.append(step), value)[1]).error is None
    assert "waiting" in seen  # a dead letter may be the row that an entry is of: the table is read
    overwrite(*makers)
    assert _all(newest_graph, found) == whole
    _agree(runs)


def _all(graph, found):
    return {tuple(row.values()) for row in graph.query(found)}
