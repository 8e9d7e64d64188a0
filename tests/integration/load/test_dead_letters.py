"""Rows that cannot be loaded are dead letters with their reason; the others are loaded, and the sums balance."""

from __future__ import annotations

import json

from tests.support.endpoint import vector_of
from tests.support.tables import removal, write


def letters(spark, runs):
    """Give the dead letters as (key, stage, reason class), and check that each keeps its row."""
    rows = spark.read.format("delta").load(f"{runs.state}/dead_letters").collect()
    assert all(json.loads(row["row"]) for row in rows)
    return sorted((json.loads(row["row_key"] or "[null]")[0] or "", row["stage"], row["reason_class"]) for row in rows)


def test_rows_without_a_key_or_with_an_untypable_value_are_dead_letters(spark, lts_graph, loads):
    """Each unsound row is kept whole with its reason; the sound ones are loaded; the sums balance."""
    runs = loads(lts_graph)
    rows = [removal(n) for n in range(10)]
    rows += [removal(90, id=None), removal(91, id="   "), removal(92, time_since_install="many")]
    rows += [removal(93, removal_date="yesterday-ish"), removal(94, cost_estimate="12,5")]
    write(spark, runs.source, rows)
    summary = runs.succeed()
    assert summary["totals"]["outcomes"] == {
        "written": 10, "unchanged": 0, "superseded": 0, "deleted": 0, "dead_lettered": 5, "without_end": 0,
    }  # fmt: skip
    assert letters(spark, runs) == [
        ("", "validation", "key_missing"),
        ("", "validation", "key_missing"),
        *((f"RE0000{number}", "validation", "type_mismatch") for number in (92, 93, 94)),
    ]
    assert lts_graph.value("MATCH (n:RemovalEvent) RETURN count(n) AS c") == 10


def test_the_mapping_can_make_a_blank_text_a_dead_letter(spark, lts_graph, loads, tmp_path):
    """With `blank_text: dead_letter` such a row is refused and kept."""
    from importlib import resources

    shipped = (resources.files("delta_neo4j") / ".." / "mappings" / "removals.yml").read_text()
    mapping = tmp_path / "strict.yml"
    mapping.write_text(shipped.replace("blank_text: load", "blank_text: dead_letter"))
    runs = loads(lts_graph, mapping=str(mapping))
    write(spark, runs.source, [removal(1, RMV_REA_TX=None), removal(3)])
    assert runs.succeed()["totals"]["outcomes"]["dead_lettered"] == 1
    assert letters(spark, runs) == [("RE000001", "validation", "text_missing")]


def test_a_text_the_endpoint_refuses_is_one_dead_letter(spark, lts_graph, loads, endpoint):
    """A 400 is halved down to the text at fault; all others of the request are embedded."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n}") for n in range(40)])
    endpoint.answer = lambda texts: (400, {}, '{"message": "bad"}') if "reason 7" in texts else None
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["dead_lettered"] == 1
    assert summary["embedding"]["texts_faulted"] == 1
    assert letters(spark, runs) == [("RE000007", "embedding", "embedding_fault")]


def test_not_a_number_from_the_endpoint_is_a_fault_of_that_text(spark, lts_graph, loads, endpoint):
    """NaN in one vector costs one row, never a vector with NaN in the graph."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n}") for n in range(5)])

    def nan_for_one(texts):
        rows = [vector_of(text).tolist() for text in texts]
        for row, text in zip(rows, texts, strict=True):
            if text == "reason 3":
                row[17] = float("nan")
        return 200, {}, json.dumps({"predictions": rows})

    endpoint.answer = nan_for_one
    runs.succeed()
    assert letters(spark, runs) == [("RE000003", "embedding", "embedding_fault")]


def test_a_row_that_neo4j_refuses_is_one_dead_letter(spark, lts_graph, loads):
    """A key too long for the index is found by halving; the other rows of its transaction are written."""
    runs = loads(lts_graph)
    write(spark, runs.source, [removal(n) for n in range(50)] + [removal(99, id="K" * 40_000)])
    summary = runs.succeed()
    assert summary["totals"]["outcomes"]["written"] == 50
    assert summary["totals"]["outcomes"]["dead_lettered"] == 1
    assert [(stage, key[:3]) for key, stage, _ in letters(spark, runs)] == [("nodes", "KKK")]


def test_too_many_dead_letters_stop_the_run_until_their_word_is_null(spark, lts_graph, loads, tmp_path):
    """The line names column, count and an example; with `null_words` the same checkpoint goes on, all rows load."""
    from importlib import resources

    runs = loads(lts_graph)
    rows = [removal(n, time_since_install=" NA ") for n in range(150)] + [removal(n) for n in range(900, 910)]
    write(spark, runs.source, rows)
    report = runs.run()
    assert report.exit_code == 5
    assert lts_graph.value("MATCH (n) RETURN count(n) AS c") == 0
    assert "150 type_mismatch (column 'time_since_install':  NA  is not of type" in str(report.error)
    assert "`null_words`" in str(report.error)
    shipped = (resources.files("delta_neo4j") / ".." / "mappings" / "removals.yml").read_text()
    column = "column: time_since_install"
    assert column in shipped
    mapping = tmp_path / "nothing.yml"
    mapping.write_text(shipped.replace(column, f'{column}, null_words: [NA, "-"]'))
    summary = runs.succeed(mapping=str(mapping))
    assert summary["totals"]["outcomes"]["written"] == 160
    assert lts_graph.value("MATCH (n:RemovalEvent) WHERE n.time_since_install IS NULL RETURN count(n) AS c") == 150
