"""The server's limits for a transaction: rows are written in smaller ones; a row beyond a limit is a dead letter."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from neo4j.exceptions import Neo4jError

from delta_neo4j.graph.bolt import failures
from tests.support.tables import write

MAPPING = """
tables:
  - name: notes
    source: notes
    labels: [Note]
    key: [{column: id}]
    properties: [{column: words}]
    relationships:
      - {type: OF, end: {label: Book, key: [{column: book}]}, on_missing: merge}
"""
LIMIT = "db.memory.transaction.max=4m"


def test_a_load_goes_on_in_transactions_that_the_servers_memory_takes(spark, servers, loads, tmp_path):
    """The limit is met at the commit; 700 long rows are written, one too long by itself is a dead letter."""
    graph = servers("5.26", LIMIT)
    (tmp_path / "notes.yml").write_text(MAPPING)
    runs = loads(graph, mapping=str(tmp_path / "notes.yml"), write_partitions=1)
    rows = [{"id": f"N{n}", "words": "x" * 2_000, "book": f"B{n % 5}"} for n in range(700)]
    rows[300]["words"] = "y" * 6_000_000
    write(spark, runs.source, rows, schema="id STRING, words STRING, book STRING")
    summary = runs.succeed()
    outcomes = summary["totals"]["outcomes"]
    assert (outcomes["written"], outcomes["dead_lettered"]) == (699, 1)
    assert summary["writer"]["halved"] > 0
    assert graph.value("MATCH (n:Note)-[:OF]->(:Book) RETURN count(n) AS c") == 699
    (letter,) = spark.read.format("delta").load(f"{runs.state}/dead_letters").collect()
    assert letter["row_key"] == '["N300"]'
    assert "db.memory.transaction.max threshold reached; raise db.memory.transaction.max" in letter["reason"]


ENDLESS = "UNWIND range(1, 100000) AS i UNWIND range(1, 100000) AS j WITH i * j AS x WHERE x = -1 RETURN count(*)"


def test_a_transaction_that_a_real_server_ends_is_sorted_by_what_ended_it(graph):
    """A time limit means fewer rows, while it waits for a lock as well; an administrator's end passes by itself."""
    graph.query("CREATE (:Locked)")

    def meaning(transaction, statement):
        with pytest.raises(Neo4jError) as raised:
            transaction.run(statement).consume()
        return failures.of(raised.value).meaning

    def begun(seconds=None):
        session = open_sessions.enter_context(graph.driver.session(database="neo4j"))
        return session.begin_transaction(timeout=seconds)

    with ExitStack() as open_sessions:
        assert meaning(begun(0.3), ENDLESS) == "too large"
        holder = begun()
        holder.run("MATCH (n:Locked) SET n.by = 1").consume()
        assert meaning(begun(0.3), "MATCH (n:Locked) SET n.by = 2") == "crowded"
        shown = "SHOW TRANSACTIONS YIELD transactionId AS id, status WHERE status STARTS WITH 'Running' RETURN id"
        for record in graph.query(shown):
            graph.query("TERMINATE TRANSACTION $id", id=record["id"])
        assert meaning(holder, "RETURN 1") == "passes"
