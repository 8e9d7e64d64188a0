"""Open dead letters: loads close them, `retry-dead-letters` tries their rows again as the table has them now."""

from __future__ import annotations

import json

from delta_neo4j.runs.retry_letters import Chosen, retry
from delta_neo4j.runs.verify.verify import verify
from delta_neo4j.state.history import open_letters
from delta_neo4j.state.reader import FolderReader
from delta_neo4j.state.spark_reader import SparkReader
from tests.support.states import as_on_a_cluster
from tests.support.tables import removal, write

MAPPING = """
tables:
  - name: parts
    source: parts
    labels: [Part]
    key: [{property: part_id, column: id}]
    properties: [{column: weight, type: integer}]
"""


def _tables(report):
    assert report.error is None, report.error
    assert report.balanced
    return {each["name"]: each for each in report.summary()["tables"]}


def _open(runs):
    """Give the open letters by (stage, reason class), which both readers of the state agree on."""
    with as_on_a_cluster(runs.spark):
        found = [open_letters(reader, {}) for reader in (FolderReader(runs.state), SparkReader(runs.spark, runs.state))]
    assert found[0] == found[1]
    return {(each["stage"], each["reason_class"]): each["letters"] for each in found[0]}


def _counts(table):
    return {name: count for name, count in table["outcomes"].items() if count} | {"open": table["open_dead_letters"]}


def test_a_letter_is_open_until_its_row_is_loaded_or_gone(spark, lts_graph, loads, endpoint):
    """In `append`: a mended endpoint and a newer row of the key close letters, a row that is as bad stays one."""
    runs = loads(lts_graph)
    bad = [removal(90, id=None), removal(91, id=None), removal(92, cost_estimate="12,5"), removal(93, RMV_REA_TX="odd")]
    write(spark, runs.source, [removal(n) for n in range(5)] + bad)
    endpoint.answer = lambda texts: (400, {}, '{"message": "bad"}') if "odd" in texts else None
    (table,) = _tables(runs.run()).values()
    assert _counts(table) == {"written": 5, "dead_lettered": 4, "open": 4}
    keys = [row["row_key"] for row in spark.read.format("delta").load(f"{runs.state}/dead_letters").collect()]
    assert sorted(keys, key=str) == [None, None, '["RE000092"]', '["RE000093"]']

    of_key = retry(spark, runs.settings(), Chosen(key="RE000092"))
    assert _counts(_tables(of_key)["removals"]) == {"dead_lettered": 1, "open": 4}
    assert retry(spark, runs.settings(), Chosen(reason="no_such")).tables == []
    endpoint.answer = lambda texts: None  # noqa: ARG005  # it is mended
    again = _tables(retry(spark, runs.settings(), Chosen(table="removals", reason="embedding_fault")))
    assert _counts(again["removals"]) == {"written": 1, "open": 3}
    found = lts_graph.query("MATCH (n:RemovalEvent {removal_id: 'RE000093'}) RETURN size(n.embedding) AS size")
    assert found == [{"size": 384}]
    assert _open(runs) == {("validation", "key_missing"): 2, ("validation", "type_mismatch"): 1}

    write(spark, runs.source, [removal(92), removal(94, cost_estimate="much")])
    (table,) = _tables(runs.run()).values()
    assert _counts(table) == {"written": 1, "dead_lettered": 1, "open": 3}
    assert verify(spark, runs.settings()).is_equal
    (table,) = _tables(retry(spark, runs.settings())).values()
    assert _counts(table) == {"dead_lettered": 3, "open": 3}
    ledger = spark.read.format("delta").load(f"{runs.state}/ledger")
    assert ledger.where("batch_id >= 0").count() == 2
    assert runs.succeed()["totals"]["rows_read"] == 0


def test_a_feed_closes_the_letters_of_rows_that_it_corrects_or_deletes(spark, tables, tmp_path):
    """An update to a sound row, a delete by key, a delete of a row without a key; an update to another bad row."""
    rows = [("a", "1"), ("b", "heavy"), ("c", "heavy"), ("d", "heavy"), (None, "5"), (None, "6"), ("e", "2")]
    runs = tables(MAPPING, {"parts": []}, {"parts": "id STRING, weight STRING"})
    path = f"delta.`{tmp_path}/parts`"
    spark.sql(f"ALTER TABLE {path} SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    spark.createDataFrame(rows, "id STRING, weight STRING").coalesce(1).write.format("delta").mode("append").save(
        str(tmp_path / "parts")
    )
    assert _counts(_tables(runs.run())["parts"]) == {"written": 2, "dead_lettered": 5, "open": 5}
    spark.sql(f"UPDATE {path} SET weight = '3' WHERE id = 'b'")
    spark.sql(f"DELETE FROM {path} WHERE id = 'c' OR (id IS NULL AND weight = '5')")
    spark.sql(f"UPDATE {path} SET weight = 'heavier' WHERE id = 'd'")
    table = _tables(runs.run())["parts"]
    assert (table["source_mode"], table["open_dead_letters"]) == ("cdf", 2)
    assert _open(runs) == {("validation", "key_missing"): 1, ("validation", "type_mismatch"): 1}
    assert verify(spark, runs.settings()).is_equal


def test_a_retry_closes_the_letter_of_a_row_that_a_view_has_no_more(spark, tables):
    """
    A view is read as it is now: the row that was corrected is loaded, the one that is gone closes its letter.

    The key may be given as the letters have it; the first test gives its value alone.
    """
    runs = tables(MAPPING, {"parts": [("a", "1")]}, {"parts": "id STRING, weight STRING"})
    runs.options["sources"] = {"parts": "dn_letters"}

    def show(*rows):
        spark.createDataFrame(list(rows), "id STRING, weight STRING").createOrReplaceTempView("dn_letters")

    show(("a", "1"), ("b", "heavy"), ("c", "heavy"))
    assert _counts(_tables(runs.run())["parts"]) == {"written": 1, "dead_lettered": 2, "open": 2}
    show(("a", "1"), ("b", "2"))
    assert _counts(_tables(retry(spark, runs.settings(), Chosen(key='["b"]')))["parts"]) == {"written": 1, "open": 1}
    assert _counts(_tables(retry(spark, runs.settings()))["parts"]) == {"open": 0}
    spark.catalog.dropTempView("dn_letters")


def test_a_letter_shows_the_row_that_the_table_had(spark, lts_graph, loads):
    """A row without a usable key is known by its raw values, so two such rows are two letters."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(1, id="  "), removal(2, id="  "), removal(3)])
    runs.succeed()
    letters = spark.read.format("delta").load(f"{runs.state}/dead_letters").collect()
    assert sorted(json.loads(row["row"])["RMV_TRK_NO"] for row in letters) == ["RMV1", "RMV2"]
    assert _open(runs) == {("validation", "key_missing"): 2}


def test_a_row_that_takes_the_place_of_a_deleted_one_may_become_a_letter(
    spark, tables, newest_graph, endpoint, tmp_path
):
    """It is no row of the micro-batch: it counts in place of the delete of its key, and a retry finds it."""
    text = "    embedding: {text: note, index: {name: part_notes, dimension: 384}}\n"
    runs = tables(MAPPING.lstrip("\n") + text, {"parts": []}, {"parts": "id STRING, weight STRING, note STRING"})
    path = f"delta.`{tmp_path}/parts`"
    spark.sql(f"ALTER TABLE {path} SET TBLPROPERTIES (delta.enableChangeDataFeed = true)")
    spark.sql(f"INSERT INTO {path} VALUES ('a', '1', 'one'), ('a', '2', 'two')")
    runs.succeed()
    held = newest_graph.value("MATCH (n:Part) RETURN n.weight AS weight")
    endpoint.answer = lambda texts: (400, {}, '{"message": "bad"}') if {"one", "two"} & set(texts) else None
    spark.sql(f"DELETE FROM {path} WHERE weight = '{held}'")
    assert _counts(_tables(runs.run())["parts"]) == {"dead_lettered": 1, "open": 1}
    assert newest_graph.value("MATCH (n:Part) RETURN n.weight AS weight") == held
    endpoint.answer = lambda texts: None  # noqa: ARG005  # it is mended
    assert _counts(_tables(retry(spark, runs.settings()))["parts"]) == {"written": 1, "open": 0}
    assert newest_graph.value("MATCH (n:Part) RETURN n.weight AS weight") == 3 - held
