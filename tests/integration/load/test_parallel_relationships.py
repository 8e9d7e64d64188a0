"""Two relationships of one type between the same two nodes: apart by their key, or counted."""

from __future__ import annotations

from delta_neo4j.runs import upsert

PAYMENTS = """
tables:
  - name: payments
    source: payments
    relationship:
      type: PAID
      from: {label: Person, key: [{property: name, column: payer}]}
      to: {label: Person, key: [{property: name, column: payee}]}
      KEY
    properties: [{column: amount, type: integer}]
"""
KEYED = PAYMENTS.replace("KEY", "key: [{column: paid_on, type: date}, {column: number, type: integer}]")
BARE = PAYMENTS.replace("      KEY\n", "")
SCHEMA = {"payments": "payer STRING, payee STRING, paid_on STRING, number INT, amount INT"}
FIRST = [("a", "b", "2024-05-01", 1, 5), ("a", "b", "2024-05-01", 2, 10), ("a", "b", "2024-05-02", 1, 20)]
LATER = [("a", "b", "2024-05-03", 1, 40), ("b", "a", "2024-05-01", 1, 80)]


def _amounts(graph):
    found = graph.query("MATCH (a:Person)-[e:PAID]->(b:Person) RETURN a.name AS a, e.amount AS x ORDER BY a, x")
    return [(row["a"], row["x"]) for row in found]


def _append(spark, tmp_path, rows):
    spark.createDataFrame(rows, SCHEMA["payments"]).write.format("delta").mode("append").save(
        str(tmp_path / "payments")
    )


def test_a_key_keeps_relationships_between_the_same_nodes_apart(spark, tables, newest_graph, tmp_path):
    """In one micro-batch and over two; a row that comes again is found by its key, and so is one to delete."""
    runs = tables(KEYED, {"payments": FIRST}, SCHEMA)
    runs.succeed()
    _append(spark, tmp_path, [*LATER, ("a", "b", "2024-05-01", 2, 11), FIRST[0], ("a", "b", None, 3, 1)])
    summary = runs.succeed()
    assert _amounts(newest_graph) == [("a", 5), ("a", 11), ("a", 20), ("a", 40), ("b", 80)]
    outcomes = summary["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["unchanged"], outcomes["dead_lettered"]) == (3, 1, 1)
    assert newest_graph.value("MATCH ()-[e:PAID {amount: 11}]->() RETURN toString(e.paid_on) + e.number AS k") == (
        "2024-05-012"
    )
    again = runs.succeed(reset_checkpoint=True)
    assert again["totals"]["outcomes"]["written"] == 0


def test_without_a_key_the_rows_that_are_not_there_are_counted(spark, tables, newest_graph, tmp_path):
    """One relationship stays, the others are counted; a list that gets or loses its key leaves none of before."""
    runs, mapping = tables(BARE, {"payments": FIRST}, SCHEMA), tmp_path / "graph.yml"
    assert runs.succeed()["totals"]["relationships"]["PAID"]["parallel"] == 2
    _append(spark, tmp_path, LATER[:1])
    assert runs.succeed()["totals"]["relationships"]["PAID"]["parallel"] == 1
    assert _amounts(newest_graph) == [("a", 40)]
    newest_graph.query("MATCH (a:Person {name: 'a'}), (b:Person {name: 'b'}) CREATE (a)-[:PAID {amount: 99}]->(b)")
    mapping.write_text(KEYED)
    frame = spark.createDataFrame(FIRST, SCHEMA["payments"])
    report = upsert.upsert(spark, runs.settings(), frame)
    assert report.exit_code == 2
    assert "relationships of table payments in the graph (1) were loaded with another `key`" in str(report.error)
    runs.succeed(reset_checkpoint=True)
    assert _amounts(newest_graph) == [("a", 5), ("a", 10), ("a", 20), ("a", 40), ("a", 99)]
    mapping.write_text(BARE)
    assert runs.succeed(reset_checkpoint=True)["totals"]["outcomes"]["written"] == 1
    assert len(_amounts(newest_graph)) == 2


TRANSFERS = """
tables:
  - name: transfers
    source: transfers
    labels: [Transfer]
    key: [{column: id}]
    relationships:
      - type: TOUCHES
        end: {label: Account, key: [{property: iban, column: sender}]}
        key: [{property: role, expression: "'from'"}]
        properties: [{column: amount, type: integer}]
      - type: TOUCHES
        end: {label: Account, key: [{property: iban, column: taker}]}
        key: [{property: role, expression: "'to'"}]
        properties: [{column: amount, type: integer}]
"""
TRANSFER = "id STRING, sender STRING, taker STRING, amount INT"
WITHOUT_ROLE = """
      - type: TOUCHES
        end: {label: Account, key: [{property: iban, column: sender}]}
        properties: [{column: amount, type: integer}]
"""


def test_a_rows_own_relationships_to_one_node_are_apart_by_their_key(spark, tables, newest_graph, tmp_path):
    """They are written, found again, changed, and go with the row; without the key one is left of them."""
    runs = tables(
        TRANSFERS,
        {"transfers": [("t1", "a", "b", 5), ("t2", "a", "a", 6), ("t3", "a", " ", 7)]},
        {"transfers": TRANSFER},
    )

    def held():
        found = newest_graph.query(
            "MATCH (t:Transfer)-[e:TOUCHES]->(a:Account) RETURN t.id AS t, a.iban AS a, e.role AS r, e.amount AS x "
            "ORDER BY t, r, a"
        )
        return [tuple(row.values()) for row in found]

    def terms(summary):
        return {name: n for name, n in summary["totals"]["relationships"]["TOUCHES"].items() if n}

    assert terms(runs.succeed()) == {"expected": 5, "written": 5}
    first = [("t1", "a", "from", 5), ("t1", "b", "to", 5), ("t2", "a", "from", 6), ("t2", "a", "to", 6)]
    assert held() == [*first, ("t3", "a", "from", 7)]
    assert terms(runs.succeed(reset_checkpoint=True)) == {"expected": 5, "unchanged": 5}
    spark.createDataFrame([("t2", "a", "c", 6), ("t3", "a", "a", 8)], TRANSFER).write.format("delta").mode(
        "append"
    ).save(str(tmp_path / "transfers"))
    changed = {"expected": 4, "written": 3, "unchanged": 1, "removed": 1, "parallel": 1}
    assert terms(runs.succeed()) == changed
    assert held() == [*first[:3], ("t2", "c", "to", 6), ("t3", "a", "from", 8), ("t3", "a", "to", 8)]
    assert upsert.delete(spark, runs.settings(), ["t2"]).summary()["totals"]["outcomes"]["deleted"] == 1
    (tmp_path / "graph.yml").write_text(TRANSFERS[: TRANSFERS.index("      - type")] + WITHOUT_ROLE[1:])
    runs.succeed(reset_checkpoint=True)
    assert [(t, a, r) for t, a, r, _ in held()] == [(t, "a", None) for t in ("t1", "t2", "t3")]


STAFF = """
tables:
  - name: LIST
    source: LIST
    relationship:
      type: REPORTS_TO
      from: {label: Person, key: [{column: id}]}
      to: {label: Person, key: [{property: id, column: manager_id}]}
      key: [{column: since}]
"""


def test_a_row_of_a_list_without_an_end_is_no_relationship(tables, spark, newest_graph, caplog):
    """It is counted apart and passes the gate; so is its delete, and a table of such rows only is named."""
    mapping = STAFF.replace("LIST", "staff") + STAFF.partition("tables:\n")[2].replace("LIST", "bosses")
    empty = [(str(n), (None, "", " \t")[n % 3], None) for n in range(150)]
    kept = [("a", "b", "2020"), ("c", "b", "2020")]
    columns = "id STRING, manager_id STRING, since STRING"
    runs = tables(mapping, {"staff": [*empty, *kept], "bosses": empty}, dict.fromkeys(("staff", "bosses"), columns))
    summary = runs.succeed()
    staff, bosses = (table["outcomes"] for table in summary["tables"])
    assert {name: n for name, n in staff.items() if n} == {"written": 2, "without_end": 150}
    assert {name: n for name, n in bosses.items() if n} == {"without_end": 150}
    assert summary["totals"]["relationships"]["REPORTS_TO"]["expected"] == 2
    assert (
        summary["writer"]["end_nodes_created"],
        newest_graph.value("MATCH (n:!_DeltaNeo4jLoad) RETURN count(n) AS c"),
    ) == (3, 3)
    assert [record.table for record in caplog.records if record.msg == "table.without_ends"] == ["bosses"]
    gone = upsert.delete(spark, runs.settings(), [("a", "b", "2020"), ("c", None, None)], "staff").summary()
    assert {name: n for name, n in gone["totals"]["outcomes"].items() if n} == {"deleted": 1, "unchanged": 1}
