"""Many tables in one run, edge lists, hubs."""

from __future__ import annotations

import datetime as dt
import shutil

PARTS = """
tables:
  - name: wholes
    source: wholes
    labels: [Whole, Thing]
    key: [{property: whole_id, column: id}]
    properties: [{column: name}]
  - name: parts
    source: parts
    labels: [Part]
    key: [{property: part_id, column: id}]
    properties: [{column: name}]
  - name: holds
    source: holds
    relationship:
      type: HOLDS
      from: {label: Whole, key: [{property: whole_id, column: whole}]}
      to: {label: Part, key: [{property: part_id, column: part}]}
      on_missing: MISSING
    properties: [{column: since, type: date}, {column: count, type: integer}]
    order_by: [count]
"""
SCHEMAS = {
    "wholes": "id STRING, name STRING",
    "parts": "id STRING, name STRING",
    "holds": "whole STRING, part STRING, since STRING, count INT",
}
ROWS = {
    "wholes": [("w1", "one"), ("w2", "two")],
    "parts": [("p1", "a"), ("p2", "b"), ("p3", "c")],
    "holds": [("w1", "p1", "2024-01-02", 1), ("w1", "p2", None, 2), ("w2", "p3", "2024-01-03", 3)],
}


def _append(spark, tmp_path, name, rows):
    spark.createDataFrame(rows, SCHEMAS[name]).write.format("delta").mode("append").save(str(tmp_path / name))


def test_tables_of_nodes_and_edges_load_in_one_run_with_one_summary(tables, newest_graph):
    """Three tables in the mapping's order: each balances, and an edge's properties are typed."""
    summary = tables(PARTS.replace("MISSING", "dead_letter"), ROWS, SCHEMAS).succeed()
    assert [table["name"] for table in summary["tables"]] == ["wholes", "parts", "holds"]
    assert summary["totals"]["outcomes"]["written"] == 8
    assert summary["totals"]["relationships"]["HOLDS"]["written"] == 3
    found = newest_graph.query(
        "MATCH (a:Whole:Thing)-[e:HOLDS]->(b:Part) "
        "RETURN a.whole_id AS a, b.part_id AS b, toString(e.since) AS since, e.count AS count ORDER BY count"
    )
    assert [tuple(row.values()) for row in found] == ROWS["holds"]
    assert newest_graph.value("MATCH (n:!_DeltaNeo4jLoad) RETURN count(n) AS c") == 5


def test_a_second_run_of_an_edge_list_changes_only_what_changed(spark, tables, newest_graph, tmp_path):
    """The newest row of a pair wins, in a batch and across batches; the same row again is unchanged."""
    runs = tables(PARTS.replace("MISSING", "dead_letter"), ROWS, SCHEMAS)
    runs.succeed()
    _append(spark, tmp_path, "holds", [("w1", "p1", "2024-01-02", 1), ("w1", "p2", None, 5), ("w1", "p2", None, 4)])
    (holds,) = [table for table in runs.succeed()["tables"] if table["name"] == "holds"]
    assert {name: count for name, count in holds["outcomes"].items() if count} == {
        "written": 1,
        "unchanged": 1,
        "superseded": 1,
    }
    assert newest_graph.value("MATCH (:Whole)-[e:HOLDS]->(:Part {part_id: 'p2'}) RETURN e.count AS c") == 5
    assert newest_graph.value("MATCH ()-[e:HOLDS]->() RETURN count(e) AS c") == 3


def test_a_row_lost_from_an_edge_list_fails_the_run(tables):
    """It is in no outcome, so the sum differs."""
    runs = tables(PARTS.replace("MISSING", "merge"), ROWS, SCHEMAS)
    assert runs.run(lambda step, value: value.limit(2) if step == "edges" else value).exit_code == 4


def test_an_edge_without_its_nodes_is_treated_as_the_mapping_says(tables, newest_graph):
    """
    It is skipped, or the row is a dead letter, or its nodes are made: an edge list's row is its edge.

    The nodes that the last list makes are the ends for which the others have waited.
    """
    ways = {
        "skip": ("unchanged", "skipped", 2),
        "dead_letter": ("dead_lettered", "dead_lettered", 2),
        "merge": ("written", "written", 3),
    }
    at = PARTS.index("  - name: holds")
    nodes, listed = PARTS[:at], PARTS[at:]
    mapping = nodes + "".join(
        listed.replace("holds", f"by_{way}").replace("HOLDS", way.upper()).replace("MISSING", way) for way in ways
    )
    edges = [("w1", "p1", None, 1), ("w1", "nobody", None, 2), ("no one", "p2", None, 3)]
    rows = {"wholes": ROWS["wholes"], "parts": ROWS["parts"], **{f"by_{way}": edges for way in ways}}
    summary = tables(mapping, rows, {**SCHEMAS, **{f"by_{way}": SCHEMAS["holds"] for way in ways}}).succeed()
    found = {table["name"]: table for table in summary["tables"]}
    for way, (outcome, term, count) in ways.items():
        table = found[f"by_{way}"]
        assert table["outcomes"][outcome] == table["relationships"][way.upper()][term] == count
        waited = 0 if way == "merge" else 2
        assert table["relationships"][way.upper()]["expected"] == 3 + waited
        assert (table["waiting_edges"], table["open_dead_letters"]) == (0, 0)
        made = newest_graph.value(f"MATCH (:Whole)-[e:{way.upper()}]->(:Part) RETURN count(e) AS c")
        assert made == 3
    assert newest_graph.value("MATCH (n:!_DeltaNeo4jLoad) RETURN count(n) AS c") == 7


def test_a_failed_table_stops_the_run_or_not_by_choice(tables, newest_graph, spark, tmp_path):
    """Without the choice later tables stay unread; with it they load, and the run fails all the same."""
    mapping = PARTS.replace("MISSING", "merge")
    rows = {**ROWS, "wholes": [(None, str(number)) for number in range(200)]}
    runs = tables(mapping, rows, SCHEMAS)
    report = runs.run()
    assert report.exit_code == 5
    assert [table.name for table in report.tables] == ["wholes"]
    report = runs.run(keep_going=True)
    assert report.exit_code == 5
    assert [(table.name, table.error is None) for table in report.tables] == [
        ("wholes", False),
        ("parts", True),
        ("holds", True),
    ]
    assert newest_graph.value("MATCH (:Whole)-[e:HOLDS]->(:Part) RETURN count(e) AS c") == 3
    # A table whose load cannot even begin is one that failed: the others are not left alone for it.
    (tmp_path / "graph.yml").write_text(mapping.replace("labels: [Part]", "labels: [Part, Piece]"))
    spark.createDataFrame([("w1", "new")], SCHEMAS["wholes"]).write.format("delta").mode("overwrite").save(
        str(tmp_path / "wholes")
    )
    shutil.rmtree(f"{runs.state}/checkpoints/wholes")
    report = runs.run(keep_going=True)
    assert [(table.name, bool(table.error)) for table in report.tables] == [
        ("wholes", False),
        ("parts", True),
        ("holds", False),
    ]
    assert report.exit_code == 2
    assert "micro-batches, which stay" in str(report.error)


def test_rows_without_relationships_are_found_unchanged_by_their_hashes(tables, newest_graph):
    """After a reset no node of theirs is sent again."""
    runs = tables(PARTS.replace("MISSING", "merge"), ROWS, SCHEMAS)
    runs.succeed()
    stages = []
    report = runs.run(hook=lambda step, value: stages.append(step) or value, reset_checkpoint=True)
    assert report.error is None
    assert report.total.outcomes["unchanged"] == 8
    assert "look_up" in stages
    assert "nodes" not in stages


HUBS = """
tables:
  - name: flights
    source: flights
    labels: [Flight]
    key: [{property: flight_id, column: id, type: integer}]
    relationships:
      - type: FLOWN_BY
        end: {label: Plane, key: [{property: plane_id, column: plane}]}
        properties: [{column: since, type: date}, {column: seat}]
      - {type: FLEW_TO, end: {label: City, key: [{property: city, column: city}]}}
"""


def test_a_hub_with_a_third_of_the_rows_costs_no_deadlock(tables, newest_graph):
    """One-to-many relationships are written by hub, so no two writers wait for each other."""
    rows = [(n, "hub" if n % 10 < 3 else f"plane {n % 500}", None, "window", f"city {n % 7}") for n in range(20_000)]
    runs = tables(HUBS, {"flights": rows}, {"flights": "id INT, plane STRING, since DATE, seat STRING, city STRING"})
    summary = runs.succeed(write_partitions=4)
    assert summary["totals"]["relationships"]["FLOWN_BY"]["written"] == 20_000
    assert (summary["writer"]["deadlocks"], summary["writer"]["retries"]) == (0, 0)
    assert newest_graph.value("MATCH (:Plane {plane_id: 'hub'})<-[e:FLOWN_BY]-() RETURN count(e) AS c") == 6_000


def test_many_to_many_edges_complete_whatever_they_cost(tables, newest_graph):
    """Writers may meet on both ends; what is retried is counted and comes out whole."""
    rows = [(f"w{n % 20}", f"p{n // 20}", None, n) for n in range(8_000)]
    mapping = PARTS.replace("MISSING", "merge")
    runs = tables(mapping, {**ROWS, "holds": rows}, SCHEMAS)
    summary = runs.succeed(write_partitions=4)
    assert summary["totals"]["relationships"]["HOLDS"]["written"] == 8_000
    assert newest_graph.value("MATCH (:Whole)-[e:HOLDS]->(:Part) RETURN count(e) AS c") == 8_000


def test_an_edges_properties_follow_the_row(spark, tables, newest_graph, tmp_path):
    """A changed property changes the edge in place; somebody else's edge between the same nodes stays as it is."""
    schema = {"flights": "id INT, plane STRING, since DATE, seat STRING, city STRING"}
    day = dt.date(2024, 2, 29)
    runs = tables(HUBS, {"flights": [(1, "p", day, "window", "c"), (2, "p", day, "aisle", "c")]}, schema)
    runs.succeed()
    newest_graph.query("MATCH (f:Flight {flight_id: 1}), (p:Plane) CREATE (f)-[:FLOWN_BY {seat: 'cockpit'}]->(p)")
    spark.createDataFrame([(1, "p", None, "middle", "c")], schema["flights"]).write.format("delta").mode("append").save(
        str(tmp_path / "flights")
    )
    runs.succeed()
    found = newest_graph.query(
        "MATCH (f:Flight)-[e:FLOWN_BY]->() RETURN f.flight_id AS id, e.seat AS seat ORDER BY id, seat"
    )
    assert [(row["id"], row["seat"]) for row in found] == [(1, "cockpit"), (1, "middle"), (2, "aisle")]
    days = newest_graph.query(
        "MATCH (f:Flight)-[e:FLOWN_BY]->() WHERE e._dn_owner IS NOT NULL "
        "RETURN f.flight_id AS id, toString(e.since) AS day"
    )
    assert {tuple(row.values()) for row in days} == {(1, None), (2, "2024-02-29")}


def test_an_edges_properties_follow_the_mapping(tables, newest_graph, tmp_path):
    """One with another name is written though no value changed, one that is no more goes; both go when none is left."""
    schema = {"flights": "id INT, plane STRING, since DATE, seat STRING, city STRING"}
    runs = tables(HUBS, {"flights": [(1, "p", dt.date(2024, 2, 29), "window", "c")]}, schema)
    runs.succeed()
    newest_graph.query("MATCH ()-[e:FLOWN_BY]->() SET e.theirs = 'kept'")
    given = "        properties: [{column: since, type: date}, {column: seat}]\n"
    for now, properties in (
        ("        properties: [{column: seat, property: place}]\n", {"place": "window"}),
        ("", {}),
    ):
        (tmp_path / "graph.yml").write_text(HUBS.replace(given, now))
        terms = runs.succeed(reset_checkpoint=True)["totals"]["relationships"]
        assert (terms["FLOWN_BY"]["written"], terms["FLEW_TO"]["unchanged"]) == (1, 1)
        held = newest_graph.value("MATCH ()-[e:FLOWN_BY]->() RETURN properties(e) AS p")
        assert {name: value for name, value in held.items() if name[0] != "_"} == {**properties, "theirs": "kept"}
