"""Which row of a key wins when rows are read late, say that they are gone, or when the graph was changed by hand."""

from __future__ import annotations

from delta_neo4j.runs import upsert

NODES = """
tables:
  - name: jobs
    source: jobs
    labels: [Job]
    key: [{column: id}]
    properties: [{column: status}]
    sequence_by: [updated_at]
    relationships: [{type: OWNED_BY, end: {label: Owner, key: [{column: owner}]}}]
"""
EDGES = """
tables:
  - name: links
    source: links
    relationship:
      type: LINKS
      from: {label: Job, key: [{property: id, column: a}]}
      to: {label: Job, key: [{property: id, column: b}]}
    properties: [{column: since}]
    sequence_by: [at]
"""
DELETED_WHEN = "    deleted_when: gone\n"


def _mapped(loads, graph, tmp_path, text):
    (tmp_path / "m.yml").write_text(text)
    return loads(graph, mapping=str(tmp_path / "m.yml"), batch_size=1, bytes_per_row=1)


def _upserted(spark, runs, rows, schema):
    report = upsert.upsert(spark, runs.settings(sources={}), spark.createDataFrame(rows, schema))
    assert report.error is None, report.error
    return report.summary()["totals"]["outcomes"]


def _append(spark, path, row, schema):
    spark.createDataFrame([row], schema).write.format("delta").mode("append").save(path)


def test_an_older_row_that_is_read_later_does_not_win(spark, lts_graph, loads, tmp_path):
    """Files in the wrong order, in micro-batches or runs of their own: the data decides. A fresh load wins over all."""
    runs = _mapped(loads, lts_graph, tmp_path, NODES + DELETED_WHEN)
    schema = "id STRING, updated_at STRING, status STRING, owner STRING, gone BOOLEAN"

    def held():
        found = lts_graph.query("MATCH (n:Job) RETURN n.status AS status, [(n)-->(o) | o.owner] AS owners")
        return [(row["status"], row["owners"]) for row in found]

    _append(spark, runs.source, ("a", "10:05", "closed", "new", False), schema)
    _append(spark, runs.source, ("a", "10:00", "open", "old", False), schema)
    summary = runs.succeed()
    assert summary["tables"][0]["batches"] == 2
    assert (summary["totals"]["outcomes"]["written"], summary["totals"]["outcomes"]["superseded"]) == (1, 1)
    assert held() == [("closed", ["new"])]
    # The newest row with the values of the one before is newer, too; rows in between are late, whatever they say.
    _append(spark, runs.source, ("a", "10:30", "closed", "new", False), schema)
    assert runs.succeed()["totals"]["outcomes"]["unchanged"] == 1
    _append(spark, runs.source, ("a", "10:20", "late", "other", False), schema)
    _append(spark, runs.source, ("a", "10:10", None, None, True), schema)
    outcomes = runs.succeed()["totals"]["outcomes"]
    assert (outcomes["superseded"], outcomes["unchanged"]) == (1, 1)
    assert held() == [("closed", ["new"])]
    _append(spark, runs.source, ("a", "10:40", None, None, True), schema)
    _append(spark, runs.source, ("b", None, "open", "x", False), schema)
    totals = runs.succeed()["totals"]
    assert (totals["outcomes"]["deleted"], totals["outcomes"]["dead_lettered"]) == (1, 1)
    assert held() == []
    spark.sql(f"DELETE FROM delta.`{runs.source}` WHERE updated_at > '10:00' OR updated_at IS NULL")
    assert runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]["written"] == 1
    assert held() == [("open", ["old"])]


def test_rows_of_an_edge_list_that_are_read_late_do_not_win(spark, lts_graph, loads, tmp_path):
    """Their relationship keeps the newest row's properties, and a late row that says that it is gone takes nothing."""
    runs = _mapped(loads, lts_graph, tmp_path, EDGES + DELETED_WHEN)
    schema = "a STRING, b STRING, at INT, since STRING, gone BOOLEAN"
    for at, since, gone in ((30, "new", False), (10, "old", False), (20, None, True)):
        _append(spark, runs.source, ("x", "y", at, since, gone), schema)
    lts_graph.query("CREATE (:Job {id: 'x'}), (:Job {id: 'y'})")
    outcomes = runs.succeed()["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["superseded"], outcomes["unchanged"]) == (1, 1, 1)
    assert lts_graph.query("MATCH ()-[r:LINKS]->() RETURN r.since AS since") == [{"since": "new"}]


def test_a_row_that_means_gone_deletes_its_node(spark, lts_graph, loads, tmp_path):
    """The newest row of a key says that it is gone: there is no node, also when every row is read again."""
    rows = [("a", "10:00", "open", "o", False), ("a", "10:05", None, None, True)]
    runs = _mapped(loads, lts_graph, tmp_path, NODES + DELETED_WHEN)
    _upserted(spark, runs, rows, "id STRING, updated_at STRING, status STRING, owner STRING, gone BOOLEAN")
    assert lts_graph.value("MATCH (n:Job) RETURN count(n) AS c") == 0


def test_a_row_that_means_gone_deletes_its_relationship(spark, lts_graph, loads, tmp_path):
    """The newest row of two nodes says that they are linked no more: there is no relationship."""
    runs = _mapped(loads, lts_graph, tmp_path, EDGES + DELETED_WHEN)
    rows = [("a", "b", "10:00", "2020", False), ("a", "b", "10:05", None, True)]
    _upserted(spark, runs, rows, "a STRING, b STRING, at STRING, since STRING, gone BOOLEAN")
    assert lts_graph.value("MATCH ()-[r:LINKS]->() RETURN count(r) AS c") == 0


def test_nodes_without_their_hashes_are_written_whole_again(spark, lts_graph, loads, tmp_path):
    """What was changed by hand is seen once the hidden hashes are removed, as docs/limits.md advises."""
    runs = _mapped(loads, lts_graph, tmp_path, NODES)
    rows, schema = [("a", "1", "open", "o")], "id STRING, updated_at STRING, status STRING, owner STRING"
    _upserted(spark, runs, rows, schema)
    lts_graph.query("MATCH (n:Job)-[r]->() DELETE r SET n.status = 'mine'")
    lts_graph.query("MATCH (n:Job) REMOVE n._dn_hash, n._dn_rel_hash")
    assert _upserted(spark, runs, rows, schema)["written"] == 1
    assert lts_graph.value("MATCH (n:Job {status: 'open'})-[:OWNED_BY]->(:Owner) RETURN count(n) AS c") == 1
