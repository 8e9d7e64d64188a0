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
    runs = tables(MAPPING.replace("MISSING", mode), ROWS, SCHEMAS)
    summary = runs.succeed()
    # m1 comes in the same run, after the rows that lead to it.
    assert _waiting(summary, mode) == {"parts": 1, "fits": 2, "makers": 0}
    assert _edges(newest_graph) == {("MADE_BY", "p1", "m1", 2001)}
    _agree(runs)
    version = newest_graph.value("MATCH (n:Part {part_id: 'p2'}) RETURN n._dn_version AS v")

    def killed(step, value):
        if step == "waiting_closed":
            raise RuntimeError("killed here")
        return value

    _add(spark, tmp_path, "makers", ("m2", "two"))
    with pytest.raises(RuntimeError, match="killed here"):
        runs.run(killed)
    summary = runs.succeed()
    assert _waiting(summary, mode) == {"parts": 0, "fits": 1, "makers": 0}
    both = {("MADE_BY", "p1", "m1", 2001), ("MADE_BY", "p2", "m2", 2002), ("FITS", "p1", "m2", 2011)}
    assert _edges(newest_graph) == both
    assert newest_graph.value("MATCH (n:Part {part_id: 'p2'}) RETURN n._dn_version AS v") == version
    _agree(runs)

    # The start of an edge list's row comes, and a row that waited in vain leads to another end meanwhile.
    _add(spark, tmp_path, "parts", ("p9", "m8", 9, 2009))
    assert _waiting(runs.succeed(), mode) == {"parts": 1, "fits": 0, "makers": 0}
    _add(spark, tmp_path, "parts", ("p9", "m7", 9, 2010))
    assert _waiting(runs.succeed(), mode) == {"parts": 1, "fits": 0, "makers": 0}
    _add(spark, tmp_path, "makers", ("m7", "seven"), ("m8", "eight"))
    assert _waiting(runs.succeed(), mode) == {"parts": 0, "fits": 0, "makers": 0}
    assert _edges(newest_graph) == both | {("FITS", "p9", "m1", 2012), ("MADE_BY", "p9", "m7", 2010)}
    entries = State(runs.state).read(spark, "waiting_edges").count()
    assert _waiting(runs.succeed(), mode) == {"parts": 0, "fits": 0, "makers": 0}
    assert State(runs.state).read(spark, "waiting_edges").count() == entries


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
    _agree(runs)
    _add(spark, tmp_path, "parts", ("p4", "m4", 4, 2044))
    _add(spark, tmp_path, "makers", ("m2", "two"))
    assert _waiting(runs.succeed()) == {"parts": 0, "fits": 1, "makers": 0}
    assert ("MADE_BY", "p4", "m4", 2044) in _edges(newest_graph)
    assert ("MADE_BY", "p2", "m2", 2002) in _edges(newest_graph)
    _agree(runs)
