"""Other ways to name a table, to get a vector, to hang a row on its ends."""

from __future__ import annotations

import numpy as np
import pytest

from delta_neo4j.settings.values import EmbeddingSettings
from tests.support.endpoint import DIMENSION, vector_of
from tests.support.tables import removal, write

THINGS = """
tables:
  - name: things
    source: things
    labels: [Thing]
    key: [{column: id}]
    properties: [{column: size, type: integer}]
    order_by: [size]
"""
VECTORS = """
    embedding: {vector: v, index: {name: thing_vectors}}
"""
EDGES = """
    relationships:
      - {type: PART_OF, end: {label: Whole, key: [{property: whole_id, column: whole}]}, on_missing: MISSING}
"""


@pytest.fixture
def things(spark, newest_graph, loads, tmp_path):
    """Make loads of a table of things with the mapping given."""

    def of(mapping, rows, schema):
        file = tmp_path / "things.yml"
        file.write_text(mapping)
        runs = loads(newest_graph, mapping=str(file))
        spark.createDataFrame(rows, schema).write.format("delta").save(runs.source)
        return runs

    return of


def test_ready_vectors_are_loaded_as_they_are(things, newest_graph, endpoint):
    """A vector column needs no model; a null is a node without vector; what is no vector is a dead letter."""
    good = vector_of("x").tolist()
    rows = [("a", 1, good), ("b", 2, None), ("c", 3, [1.0, 2.0]), ("d", 4, [0.0] * DIMENSION)]
    rows += [("e", 5, [*good[:-1], float("nan")])]
    runs = things(THINGS + VECTORS, rows, "id STRING, size INT, v ARRAY<FLOAT>")
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 2
    assert summary["totals"]["outcomes"]["dead_lettered"] == 3
    assert summary["totals"]["without_text"] == 1
    assert summary["embedding"]["strategy"] == "precomputed"
    assert endpoint.requests == 0
    stored = newest_graph.value("MATCH (n:Thing {id: 'a'}) RETURN n.embedding AS v")
    assert np.array_equal(np.array(stored, dtype=np.float32), vector_of("x"))


def test_order_by_decides_between_rows_of_a_key(things, newest_graph):
    """Among rows of one key the greatest of `order_by` wins."""
    runs = things(THINGS, [("a", size) for size in (3, 9, 5)], "id STRING, size INT")
    assert runs.succeed()["totals"]["outcomes"]["superseded"] == 2
    assert newest_graph.value("MATCH (n:Thing) RETURN n.size AS size") == 9


@pytest.mark.parametrize(("on_missing", "term"), [("skip", "skipped"), ("dead_letter", "dead_lettered")])
def test_a_missing_end_is_treated_as_the_mapping_says(things, newest_graph, on_missing, term):
    """The row is written either way; the edge is skipped or a dead letter, and made once its end is there."""
    runs = things(THINGS + EDGES.replace("MISSING", on_missing), [("a", 1, "w")], "id STRING, size INT, whole STRING")
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 1
    assert summary["totals"]["relationships"]["PART_OF"][term] == 1
    assert newest_graph.value("MATCH (n:Whole) RETURN count(n) AS c") == 0
    newest_graph.query("CREATE (:Whole {whole_id: 'w'})")
    assert runs.succeed(reset_checkpoint=True)["totals"]["relationships"]["PART_OF"]["written"] == 1


def test_a_changed_mapping_rewrites_what_it_changes(things, newest_graph, tmp_path):
    """The same values as another type, label or direction are other content after a fresh checkpoint."""
    columns = "id STRING, size INT, whole STRING"
    runs = things(THINGS + EDGES.replace("MISSING", "merge"), [("a", 1, "w")], columns)
    runs.succeed()
    (tmp_path / "things.yml").write_text(
        THINGS.replace("type: integer", "type: string").replace("[Thing]", "[Thing, Part]")
        + EDGES.replace("MISSING", "merge").replace("PART_OF,", "PART_OF, direction: in,")
    )
    summary = runs.succeed(reset_checkpoint=True)
    assert summary["totals"]["outcomes"]["written"] == 1
    assert summary["totals"]["relationships"]["PART_OF"]["written"] == 1
    assert newest_graph.query("MATCH (n:Part) RETURN n.size AS size") == [{"size": "1"}]
    assert newest_graph.value("MATCH (:Whole)-[r:PART_OF]->(:Thing) RETURN count(r) AS c") == 1


def test_a_table_and_the_state_may_have_names_instead_of_paths(spark, newest_graph, loads, tmp_path):
    """Three-part names as on Unity Catalog: the source is a table, the state a schema."""
    spark.sql("CREATE SCHEMA IF NOT EXISTS dn_state")
    write(spark, tmp_path / "made", [removal(n) for n in range(5)])
    spark.sql(f"CREATE TABLE dn_source USING DELTA LOCATION '{tmp_path / 'made'}'")
    runs = loads(newest_graph, checkpoint=str(tmp_path / "checkpoints"))
    runs.source, runs.state = "spark_catalog.default.dn_source", "spark_catalog.dn_state"
    assert runs.succeed()["totals"]["outcomes"]["written"] == 5
    assert runs.succeed()["totals"]["rows_read"] == 0
    assert spark.table("dn_state.ledger").count() == 1


def test_texts_are_embedded_in_process_as_minilm_does(spark, newest_graph, loads, minilm):
    """Without an endpoint the workers embed, one model a task, with the model's own vectors."""
    runs = loads(newest_graph, embedding=EmbeddingSettings(embedder="in_process"))
    write(spark, runs.source, [removal(n) for n in range(10)])
    summary = runs.succeed()
    assert summary["embedding"]["strategy"] == "in_process"
    stored = newest_graph.query("MATCH (n:RemovalEvent) RETURN n.RMV_REA_TX AS text, n.embedding AS vector")
    for node in stored:
        assert float(minilm.encode(node["text"]) @ np.array(node["vector"])) >= 0.9999
