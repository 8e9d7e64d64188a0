"""Every mode and operator on both lines of Neo4j, against comparing every row; no Spark."""

from __future__ import annotations

import numpy as np
import pytest

from delta_neo4j.errors import SettingsError
from delta_neo4j.graph.cypher import search as statements
from delta_neo4j.graph.search import expand, filters, hybrid, text, vector
from delta_neo4j.graph.search.opened import opened
from tests.support.searches import DIMENSION, best, connection, events, fill, fulfils, rows

CASES = [
    (), ("priority=HIGH",), ("priority!=HIGH",), ("priority in HIGH,LOW",), ("priority>LOW",), ("cost<300",),
    ("cost<=300",), ("cost>300",), ("cost>=300.5",), ("cost in 1,2.5,40,300,301",), ("cost>100", "cost<=700"),
    ("cost>100", "cost>200", "cost!=250"), ("hours=7",), ("hours!=7",), ("hours>=490",), ("hours in 1,2,3",),
    ("urgent=true",), ("urgent!=true", "priority=LOW"), ("urgent in true,false",), ("day<2024-03-01",),
    ("day>=2024-09-01", "priority in HIGH"), ("moment<=2024-01-20T12:00:00+02:00",), ("moment=2024-01-02T00:00Z",),
    ("wall>2024-02-20T00:00:00",), ("priority=no such",), ("id in E00001,E00099,E00100",), ("id>=E01990",),
]  # fmt: skip


def _queries(made, number):
    random = np.random.default_rng(11)
    chosen = [row["embedding"] for row in made if row["embedding"]][:: len(made) // number]
    return [np.array(each, dtype=np.float32) + 0.05 * random.standard_normal(DIMENSION) for each in chosen]


def test_conditions_leave_the_rows_that_comparing_every_row_leaves(graph, monkeypatch):
    """Few rows: equal answers. Many rows, through the index: at least 0.99 of the ten best, for every operator."""
    mapping, made = events(), rows(2_000)
    fill(graph, mapping, made)
    (table,) = mapping.tables
    queries = _queries(made, 6)
    with opened(connection(graph), table) as open_graph:
        for case in CASES:
            conditions = filters.parsed(table, case)
            right = [best(made, query, 10, conditions) for query in queries]
            monkeypatch.setattr(vector, "EXACT_ROWS", 2_000)
            exact = [[hit.key[0] for hit in vector.nearest(open_graph, query, 10, conditions)] for query in queries]
            assert not case or exact == right, case
            monkeypatch.setattr(vector, "EXACT_ROWS", 0)
            found = [{hit.key[0] for hit in vector.nearest(open_graph, query, 10, conditions)} for query in queries]
            hits = sum(len(one & set(other)) for one, other in zip(found, right, strict=True))
            assert hits >= 0.99 * sum(map(len, right)), case


def test_only_the_best_candidates_are_compared_exactly(graph):
    """Each candidate's vector is read from the store: of 70 candidates the 20 best are, in the order of the scores."""
    mapping, made = events(), rows(400)
    fill(graph, mapping, made)
    (table,) = mapping.tables
    (query,) = _queries(made, 1)[:1]
    with opened(connection(graph), table) as open_graph:
        statement = statements.nearest(table, open_graph.embedding, ())
        index, asked = open_graph.vector_index["name"], {"asked": 70, "ranked": 20, "limit": 10}
        records = open_graph.run(statement, index=index, vector=query.tolist(), **asked)
        assert [record["found"] for record in records] == [20] * 10
        assert [record["properties"]["id"] for record in records] == best(made, query, 10, ())


def test_words_are_found_as_they_stand_and_both_lists_are_fused(graph):
    """A part number is found whatever signs it has, conditions hold, and hybrid is the fusion of both searches."""
    mapping, made = events(), rows(400)
    fill(graph, mapping, made)
    (table,) = mapping.tables
    conditions = filters.parsed(table, ["priority=LOW"])
    with opened(connection(graph), table) as open_graph:
        hits = text.matching(open_graph, "P-77 AND (leak", 3)
        assert (hits[0].key, hits[0].score, len(hits)) == (("E00077",), 1.0, 3)
        assert hits[0].text == made[77]["text"]
        oily = [row["id"] for row in made if "oil" in row["text"] and fulfils(row, conditions)]
        found = text.matching(open_graph, "oil", 400, conditions)
        assert [hit.key[0] for hit in found] == oily  # all have one score, so they stand in the order of their keys
        assert text.matching(open_graph, '+oil +"P 77"', 3, lucene=True)[0].key == ("E00077",)
        assert text.matching(open_graph, "text:oil -leak", 3, lucene=True) == []
        assert text.matching(open_graph, "text:oil", 3) == []  # no field of Lucene's, but two words in a row
        assert text.matching(open_graph, "***", 3) == []
        with pytest.raises(SettingsError, match=r"Lucene cannot read the query: Encountered .*; search without"):
            text.matching(open_graph, "oil AND (", 3, lucene=True)
        with pytest.raises(SettingsError, match="more than 1,024 words"):
            text.matching(open_graph, " ".join(f"w{n}" for n in range(1_100)), 3, lucene=True)
        query = np.array(made[77]["embedding"], dtype=np.float32)
        near, words = vector.nearest(open_graph, query, 50), text.matching(open_graph, "P-77", 50)
        fused = hybrid.fused([near, words], 5)
        assert (fused[0].key, fused[0].score) == (("E00077",), 1.0)


@pytest.mark.parametrize("kind", ["chunks", "text_nodes"])
def test_text_nodes_and_chunks_come_back_as_their_rows(graph, kind):
    """A row once, with its best text and score; conditions are on the row; words find it too."""
    holder = {"label": "Part", "relationship": "HAS"}
    properties = [each for each in events().tables[0].properties if each.name != "text"]
    mapping = events(
        embedding={"text": "body", kind: holder, "index": {"name": "part_vectors", "dimension": 2}},
        properties=[{"column": each.name, "type": each.type} for each in properties],
    )
    (table,) = mapping.tables
    fill(graph, mapping, [{**row, "embedding": None} for row in rows(60)])
    angles = np.linspace(0, 3, 90)
    if kind == "chunks":  # chunk n of row n % 60: thirty rows have two
        pairs = [(f"E{n % 60:05d}", n) for n in range(90)]
    else:  # thirty texts, each of two rows
        pairs = [(f"E{n:05d}", n % 30) for n in range(60)]
    graph.query(
        "UNWIND $pairs AS pair MATCH (r:Event {id: pair[0]}) MERGE (h:Part {number: pair[1]}) "
        "SET h.embedding = [cos($angles[pair[1]]), sin($angles[pair[1]])], h.text = 'word' + pair[1] "
        "CREATE (r)-[:HAS]->(h)",
        pairs=pairs, angles=angles.tolist(),
    )  # fmt: skip
    graph.query("CALL db.awaitIndexes(60)")
    conditions = filters.parsed(table, ["priority!=HIGH", "hours>3"])
    query = np.array([np.cos(1.02), np.sin(1.02)], dtype=np.float32)
    near = {}
    for key, n in pairs:
        near[key] = min(near.get(key, (9.0, 0)), (abs(angles[n] - 1.02), n))
    made = {row["id"]: row for row in rows(60)}
    for given in ((), conditions):
        right = sorted((distance, key, n) for key, (distance, n) in near.items() if fulfils(made[key], given))[:5]
        with opened(connection(graph), table) as open_graph:
            hits = vector.nearest(open_graph, query, 5, given)
            assert [(hit.key[0], hit.text) for hit in hits] == [(key, f"word{n}") for _, key, n in right]
            assert {hit.labels for hit in hits} == {("Event",)}
            assert hits[0].score == pytest.approx((1 + np.cos(right[0][0])) / 2, abs=1e-6)
            word = text.matching(open_graph, f"word{right[0][2]}", 5, given)
            assert right[0][1] in {hit.key[0] for hit in word}


def test_a_row_is_searched_by_its_own_vector_and_shown_with_its_neighbours(graph):
    """The vector of a key's row; nodes around hits by the mapping's relationships, without vectors and hidden names."""
    mapping, made = events(), rows(50)
    fill(graph, mapping, made)
    (table,) = mapping.tables
    with opened(connection(graph), table) as open_graph:
        assert vector.vector_of(open_graph, ("E00001",)).tolist() == pytest.approx(made[1]["embedding"])
        with pytest.raises(SettingsError, match="the graph has no Event with the key E9"):
            vector.vector_of(open_graph, ("E9",))
        graph.query("MATCH (n:Event {id: 'E00009'}) REMOVE n.embedding")
        with pytest.raises(SettingsError, match="Event E00009 has no vector to compare with"):
            vector.vector_of(open_graph, ("E00009",))
        hits = vector.nearest(open_graph, np.array(made[1]["embedding"]), 50)
        shown = {hit.key[0]: hit.neighbours for hit in expand.expanded(open_graph, mapping, hits)}
    (aircraft,) = shown["E00001"]
    assert (aircraft.relationship, aircraft.direction, aircraft.key) == ("CONCERNS", "out", ("N1",))
    assert aircraft.properties == {"tail": "N1", "seats": 101}
    assert shown["E00007"] == ()
    assert hits[0].properties["day"] == made[1]["day"]
    assert not {"embedding", "_dn_owner"} & set(hits[0].properties)
