"""The vector on one node a distinct text: as many as there are texts, and none that no row has."""

from __future__ import annotations

import numpy as np
import pytest

from delta_neo4j.errors import GraphUnavailableError
from delta_neo4j.graph import deletes
from delta_neo4j.graph.bolt.transactions import RefusedError, WriteSession
from delta_neo4j.graph.search import vector
from delta_neo4j.graph.search.hits import lines
from delta_neo4j.graph.search.opened import opened
from delta_neo4j.mapping.file import read_mapping
from tests.support.endpoint import vector_of
from tests.support.tables import removal, write

REASONS = "removals_by_reason"
HOSTILE = "oil` }) DETACH DELETE n // ' \" \\u0060 \u202e \x00 $rows"


def test_a_text_is_one_node_however_many_rows_have_it(spark, lts_graph, loads):
    """Rows point at the node of their reason, which holds the only vector; a blank reason is no node."""
    runs = loads(lts_graph, mapping=REASONS)
    rows = [removal(n, RMV_REA_TX=f"reason {n % 3}") for n in range(30)]
    foe = removal(31, RMV_REA_TX=HOSTILE, component_id=HOSTILE)
    write(spark, runs.source, [*rows, removal(30, RMV_REA_TX=" "), foe])
    summary = runs.succeed()
    assert summary["totals"]["relationships"]["HAS_REASON"]["written"] == 31
    assert (summary["totals"]["without_text"], summary["embedding"]["texts_embedded"]) == (1, 4)
    found = lts_graph.query(
        "MATCH (t:RemovalReason)<-[:HAS_REASON]-(n:RemovalEvent) "
        "RETURN t.text AS text, t.embedding AS v, count(n) AS rows, count(n.embedding) AS twins ORDER BY text"
    )
    reasons = [(f"reason {n}", 10, 0) for n in range(3)]
    assert [(row["text"], row["rows"], row["twins"]) for row in found] == sorted([*reasons, (HOSTILE, 1, 0)])
    for row in found:
        assert np.array_equal(np.array(row["v"], dtype=np.float32), vector_of(row["text"]))
    index = lts_graph.query("SHOW VECTOR INDEXES YIELD labelsOrTypes, state")
    assert index == [{"labelsOrTypes": ["RemovalReason"], "state": "ONLINE"}]
    assert lts_graph.value("MATCH (c:Component {component_id: $id}) RETURN count(c) AS c", id=HOSTILE) == 1
    # A search returns rows; as lines, each reason stands once.
    (table,) = read_mapping(REASONS).tables
    with opened(runs.settings().neo4j.connection(), table) as open_graph:
        hits = vector.nearest(open_graph, vector_of("reason 1"), 31)
    assert {hit.labels for hit in hits} == {("RemovalEvent",)}
    told = lines(hits, 3)
    assert told[:2] == ["1.000  RemovalEvent RE000001 and 9 more", "       reason 1"]
    assert len(told) == 6


def test_a_lost_text_fails_the_run(spark, lts_graph, loads):
    """Rows that point at a node that was not written are seen; the next run repairs it."""
    runs = loads(lts_graph, mapping=REASONS)
    write(spark, runs.source, [removal(n, RMV_REA_TX=f"reason {n % 3}") for n in range(9)])
    lost = runs.run(lambda step, value: value.where("t <> 'reason 1'") if step == "texts" else value)
    assert lost.exit_code == 4
    runs.succeed()
    assert lts_graph.value("MATCH (t:RemovalReason) WHERE t.embedding IS NOT NULL RETURN count(t) AS c") == 3


def test_a_reason_that_no_row_has_any_more_goes(spark, lts_graph, loads):
    """Unless somebody else points at it."""
    runs = loads(lts_graph, mapping=REASONS)
    write(spark, runs.source, [removal(1, RMV_REA_TX="old"), removal(2, RMV_REA_TX="kept")])
    runs.succeed()
    lts_graph.query("MATCH (t:RemovalReason {text: 'kept'}) CREATE (:Note {text: 'mine'})-[:ABOUT]->(t)")
    write(spark, runs.source, [removal(1, RMV_REA_TX="new"), removal(2, RMV_REA_TX="new")])
    terms = runs.succeed()["totals"]["relationships"]["HAS_REASON"]
    assert (terms["written"], terms["removed"]) == (2, 2)
    left = lts_graph.query("MATCH (t:RemovalReason) RETURN t.text AS text ORDER BY text")
    assert [row["text"] for row in left] == ["kept", "new"]
    assert lts_graph.value("MATCH (:Note)-[:ABOUT]->(t) RETURN count(t) AS c") == 1


def test_a_reason_left_behind_by_a_killed_run_goes_with_the_next(spark, lts_graph, loads, monkeypatch):
    """The row's edge was moved, and then the run ended: the next one takes the old reason away all the same."""
    runs = loads(lts_graph, mapping=REASONS)
    write(spark, runs.source, [removal(n) for n in range(20)])
    runs.succeed()
    write(spark, runs.source, [removal(n, RMV_REA_TX="another reason") for n in (3, 10, 17)])

    def killed(*_):
        raise GraphUnavailableError("the end of this process")

    with monkeypatch.context() as patch:
        patch.setattr(deletes, "sweep", killed)
        assert runs.run().error is not None
    assert lts_graph.value("MATCH (t:RemovalReason) WHERE NOT (t)--() RETURN count(t) AS c") == 1
    runs.succeed()
    assert lts_graph.value("MATCH (t:RemovalReason) RETURN count(t) AS c") == 7
    assert lts_graph.value("MATCH (t:RemovalReason) WHERE NOT (t)--() RETURN count(t) AS c") == 0


def test_reasons_go_when_the_mapping_has_them_no_more(spark, lts_graph, loads):
    """The vector moves back to the rows, and no node of a text is left."""
    runs = loads(lts_graph, mapping=REASONS)
    write(spark, runs.source, [removal(n) for n in range(20)])
    runs.succeed()
    summary = runs.succeed(mapping="removals", reset_checkpoint=True)
    assert summary["totals"]["relationships"]["HAS_REASON"]["removed"] == 20
    assert lts_graph.value("MATCH (t:RemovalReason) RETURN count(t) AS c") == 0
    assert lts_graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN count(n) AS c") == 20


def test_a_removal_that_neo4j_refuses_is_told_as_one_that_may_pass(lts_graph, loads, monkeypatch):
    """Another writer hung something on the node meanwhile: the next run finds it so."""

    def refused(*_):
        raise RefusedError("Schema.ConstraintValidationFailed", "still has relationships")

    monkeypatch.setattr(WriteSession, "run", refused)
    (table,) = read_mapping(REASONS).tables
    connection = loads(lts_graph).settings().neo4j.connection()
    with pytest.raises(GraphUnavailableError, match=r"still has relationships.*run again"):
        deletes.sweep(connection, table, "RemovalReason")
