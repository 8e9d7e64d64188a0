"""Long texts as chunks, each a node with a vector of its own."""

from __future__ import annotations

import numpy as np

from delta_neo4j.embedding.minilm.weights import tokenizer
from delta_neo4j.runs.embed import embed
from delta_neo4j.runs.plan.forecast import forecast
from delta_neo4j.settings.limits import Limits
from tests.support.endpoint import vector_of
from tests.support.graph_dump import dump

NOTES = """
tables:
  - name: notes
    source: notes
    labels: [Note]
    key: [{property: note_id, column: id}]
    embedding:
      text: body
      index: {name: note_pieces}
      chunks: {label: Chunk, relationship: HAS_CHUNK, tokens: 16, overlap: 4}
"""
WORDS = [f"word{number} means something." for number in range(40)]


def _pieces(graph, note):
    return graph.query(
        "MATCH (:Note {note_id: $note})-[:HAS_CHUNK]->(c:Chunk) "
        "RETURN c.index AS index, c.text AS text, c.embedding AS v, c.chunk_id AS id ORDER BY index",
        note=note,
    )


def test_a_long_text_becomes_pieces_with_vectors_and_stable_ids(spark, tables, newest_graph, tmp_path):
    """Pieces overlap, miss no token, and those that a shorter text no longer has go."""
    long, short = " ".join(WORDS), " ".join(WORDS[:6])
    runs = tables(NOTES, {"notes": [("n1", long), ("n2", "brief"), ("n3", None)]}, {"notes": "id STRING, body STRING"})
    summary = runs.succeed()
    found = _pieces(newest_graph, "n1")
    assert [row["index"] for row in found] == list(range(len(found)))
    assert len(found) > 10
    for row in found:
        assert row["text"] in long
        assert len(tokenizer().encode(row["text"], add_special_tokens=False).ids) <= 16
        assert np.array_equal(np.array(row["v"], dtype=np.float32), vector_of(row["text"]))
    assert all(any(word in row["text"] for row in found) for word in WORDS[0].split())
    terms = summary["totals"]["relationships"]["HAS_CHUNK"]
    assert terms["expected"] == terms["written"] == len(found) + 1
    assert summary["totals"]["without_text"] == 1
    newest_graph.query("MATCH (c:Chunk {chunk_id: $id}) CREATE (:Mine)-[:LIKES]->(c)", id=found[-1]["id"])
    spark.createDataFrame([("n1", short)], "id STRING, body STRING").write.format("delta").mode("append").save(
        str(tmp_path / "notes")
    )
    terms = runs.succeed()["totals"]["relationships"]["HAS_CHUNK"]
    now = _pieces(newest_graph, "n1")
    assert [row["id"] for row in now] == [row["id"] for row in found][: len(now)]
    assert len(now) < len(found)
    assert terms["removed"] == len(found) - len(now)
    kept = newest_graph.query("MATCH (c:Chunk) WHERE c.text IS NULL RETURN c.chunk_id AS id")
    assert kept == [{"id": found[-1]["id"]}]  # somebody likes it: it is theirs to remove


def test_pieces_that_nothing_changed_cost_nothing(tables, newest_graph):
    """A fresh checkpoint finds rows and chunks as they are."""
    runs = tables(NOTES, {"notes": [("n1", " ".join(WORDS))]}, {"notes": "id STRING, body STRING"})
    first = runs.succeed()["totals"]["relationships"]["HAS_CHUNK"]
    again = runs.succeed(reset_checkpoint=True)
    assert again["totals"]["outcomes"]["unchanged"] == 1
    assert again["totals"]["relationships"]["HAS_CHUNK"]["unchanged"] == first["written"]
    assert again["embedding"]["texts_embedded"] == 0


def test_pieces_are_planned_and_embedded_apart_from_the_load(spark, tables, endpoint):
    """`plan` counts chunks, `embed` pays for them, and the load then pays nothing."""
    runs = tables(NOTES, {"notes": [("n1", " ".join(WORDS)), ("n2", "brief")]}, {"notes": "id STRING, body STRING"})
    planned = forecast(spark, runs.settings())
    paid = embed(spark, runs.settings()).summary()["embedding"]
    loaded = runs.succeed()["embedding"]
    assert planned.texts == paid["texts_embedded"] == loaded["cache_hits"] == loaded["texts"] > 10
    assert loaded["texts_embedded"] == 0
    assert all(len(text) < 200 for text in endpoint.texts)


SCHEMA = {"notes": "id STRING, body STRING"}


def test_a_lost_piece_fails_the_run(tables):
    """Whether one of many, a text's only chunk, or a row with all of its chunks."""
    runs = tables(NOTES, {"notes": [("n1", " ".join(WORDS)), ("n2", "brief")]}, SCHEMA)
    for step, kept in (("cut", "index <> 3"), ("cut", "count > 1"), ("chunks", "text_hash IS NULL")):
        report = runs.run(lambda name, value, step=step, kept=kept: value.where(kept) if name == step else value)
        assert report.exit_code == 4, (step, kept)
    assert runs.succeed()["totals"]["outcomes"]["unchanged"] == 2


def test_pieces_in_many_slices_are_those_of_one(tables, newest_graph):
    """The vectors are taken out of the cache once, and each slice finds its own."""
    rows = [(f"n{number}", " ".join(WORDS[number:])) for number in range(0, 30, 5)]
    runs = tables(NOTES, {"notes": rows}, SCHEMA)
    runs.succeed()
    whole = dump(newest_graph.driver)
    newest_graph.empty()
    runs.start_over()
    summary = runs.succeed(limits=Limits(slice_rows=2, few_texts=10))
    assert summary["totals"]["relationships"]["HAS_CHUNK"]["written"] == newest_graph.value(
        "MATCH (c:Chunk) RETURN count(c) AS c"
    )
    assert dump(newest_graph.driver) == whole
