"""The command `search` and the function: answers, refusals and golden questions, on a graph made without Spark."""

from __future__ import annotations

import json

import pytest

import delta_neo4j
from delta_neo4j.cli.console import main
from delta_neo4j.graph import schema
from delta_neo4j.mapping.file import read_mapping
from tests.support.endpoint import vector_of
from tests.support.searches import connection

TEXT = "Oil leak at fitting 3"
MAPPING = "removals"


def _fill(graph, rows=40):
    schema.ensure(connection(graph), read_mapping(MAPPING))
    texts = [f"Oil leak at fitting {n % 7}" for n in range(rows)]
    graph.query(
        "UNWIND range(0, size($texts) - 1) AS n CREATE (r:RemovalEvent {removal_id: 'RE' + n, RMV_REA_TX: $texts[n], "
        "embedding: $vectors[n], cost_estimate: n * 100.0, removal_date: localdatetime('2024-08-15T14:30:00'), "
        "_dn_hash: 'h'}) MERGE (c:Component {component_id: 'C' + n % 5}) CREATE (c)-[:HAS_REMOVAL]->(r)",
        texts=texts,
        vectors=[vector_of(text).tolist() for text in texts],
    )
    graph.query("CALL db.awaitIndexes(60)")


@pytest.fixture
def ask(graph, env_file, endpoint, capsys):
    """Run `search` on a graph of each line; give the exit code, standard output and standard error."""
    env_file.write_text(
        f"NEO4J_URI={graph.uri}\nNEO4J_USERNAME=neo4j\nNEO4J_PASSWORD=a-password-for-tests\nEMBEDDER=rest\n"
        f"EMBEDDING_URL={endpoint.url}\n"
    )

    def run(*arguments):
        capsys.readouterr()
        code = 0
        try:
            main(["search", *arguments, "--env-file", str(env_file)])
        except SystemExit as ended:
            code = ended.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_search_answers_from_the_graph(graph, ask, env_file):
    """Key, labels, score and properties, the nearest first, in every mode; the function gives the same rows."""
    _fill(graph)
    for mode in ("vector", "text", "hybrid"):
        code, out, _ = ask(TEXT, "--json", "--limit", "2", "--mode", mode)
        first, second = json.loads(out)
        assert code == 0
        assert (first["text"], first["labels"]) == (TEXT, ["RemovalEvent"])
        assert first["score"] == pytest.approx(1.0, abs=1e-5)
        assert first["properties"]["removal_date"] == "2024-08-15T14:30:00"
        assert set(first["properties"]) == {"removal_id", "RMV_REA_TX", "cost_estimate", "removal_date"}
        assert (first["key"], second["key"]) == (["RE10"], ["RE17"])
    told = ask(TEXT, "--where", "cost_estimate>=1500", "--where", "cost_estimate<2500", "--expand", "--limit", "1")
    assert told[0] == 0
    assert told[1].splitlines() == [
        "1.000  RemovalEvent RE17 and 1 more",
        "       Oil leak at fitting 3",
        "       <-[:HAS_REMOVAL]- Component C2",
    ]
    rows = delta_neo4j.search(TEXT, 2, where="cost_estimate>1000", expand=True, settings={"env_file": str(env_file)})
    assert [row["key"] for row in rows] == [("RE17",), ("RE24",)]
    assert rows[0]["neighbours"][0]["key"] == ("C2",)
    rows = delta_neo4j.search(similar_to="RE10", k=3, settings={"env_file": str(env_file)})
    assert [row["key"][0] for row in rows] == ["RE17", "RE24", "RE3"]
    assert ask(TEXT, "--threshold", "0.99", "--json", "--limit", "50")[1].count('"RE') == 2 * 6
    assert ask("x", "--threshold", "1")[1] == "no answer has a score of 1.0 or more\n"


REFUSED = [
    (("",), "the search text is empty"),
    ((" \t",), "the search text is empty"),
    (("x", "--where", "price=1"), "rows of removals have no property 'price'; conditions can be on removal_id, RMV_"),
    (("x", "--where", "cost_estimate=high"), "cost_estimate is of type float, and 'high' is not a number"),
    (("x", "--where", "`x`) DETACH DELETE n //=1"), "have no property '`x`) DETACH DELETE n //'"),
    (("x", "--limit", "1000000"), "--limit 1,000,000 is not between 1 and 1,000"),
    (("x", "--threshold", "nan"), "the threshold nan is not between 0 and 1"),
    (("x", "--similar-to", "RE1"), "--similar-to takes the vector of a row"),
    (("--similar-to", "RE1", "--similar-to", "2"), "a key of table removals has 1 parts (removal_id), not 2"),
    (("--similar-to", "RE1'}) DETACH DELETE n //"), "the graph has no RemovalEvent with the key RE1'}) DETACH DELETE"),
    (("x", "--table", "t`) DETACH DELETE n"), "has no table 't`) DETACH DELETE n' of nodes; it has removals"),
    (("x AND (", "--mode", "text", "--lucene"), "Lucene cannot read the query: Encountered"),
    (("x", "--lucene"), "--lucene is for words"),
    (("x", "--golden", "no-such.yml"), "--golden has its own questions"),
    (("--golden", "no-such.yml"), "golden questions 'no-such.yml' cannot be read"),
    (("\udcff",), "is not valid UTF-8 text"),
]  # fmt: skip


def test_bad_input_is_one_line_and_changes_nothing(graph, ask, endpoint):
    """No index, no vectors, faulty arguments, Cypher in each of them, another model: a line, exit code 2, no trace."""
    code, _, err = ask(TEXT)
    assert (code, err.count("\n")) == (2, 1)
    assert "RemovalEvent.embedding has no vector index; run delta-neo4j load, which creates it" in err
    assert "has no full-text index" in ask(TEXT, "--mode", "text")[2]
    schema.ensure(connection(graph), read_mapping(MAPPING))
    assert ask(TEXT)[:2] == (0, "no answer: the graph holds no vector yet; run delta-neo4j load\n")
    assert ask(TEXT, "--json")[1] == "[]\n"
    assert ask(TEXT, "--mode", "text")[1] == "no answer: no text has these words\n"
    _fill(graph)
    before = graph.query("MATCH (n) RETURN count(n) AS n, sum(size(keys(n))) AS keys")
    for arguments, line in REFUSED:
        code, out, err = ask(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), (arguments, err)
        assert line in err, (arguments, err)
    hostile = "\"') }) DETACH DELETE n // ` $vector \\u0060"
    for mode in ("vector", "text", "hybrid"):
        assert ask(hostile, "--mode", mode, "--where", f"RMV_REA_TX={hostile}")[0] == 0
        assert ask("oil", "--mode", mode, "--where", f"RMV_REA_TX in '{hostile[2:8]}',x")[0] == 0
    assert graph.query("MATCH (n) RETURN count(n) AS n, sum(size(keys(n))) AS keys") == before
    turned = {"predictions": [vector_of("another model").tolist()] * 4}
    endpoint.answer = lambda texts: (200, {}, json.dumps({"predictions": turned["predictions"][: len(texts)]}))
    code, out, err = ask(TEXT)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "RemovalEvent.embedding holds vectors of another model than" in err


GOLDEN = """
recall: {recall}
k: 6
questions:
  - question: Oil leak at fitting 3
    keys: [RE3, RE10, [RE17]]
  - question: Oil leak at fitting 4
    keys: [RE4, RE5]
    mode: text
    where: [cost_estimate<10000]
"""


def test_golden_questions_gate_on_their_recall(graph, ask, tmp_path):
    """The recall of each question with the keys that are missing; exit code 7 below the file's, 2 for a faulty file."""
    _fill(graph)
    file = tmp_path / "golden.yml"
    file.write_text(GOLDEN.format(recall=0.75))
    code, out, _ = ask("--golden", str(file))
    assert code == 0
    assert out.splitlines() == [
        "1.000  Oil leak at fitting 3",
        "0.500  Oil leak at fitting 4",
        "       missing: RE5",
        "recall@6 0.750 over 2 questions, wanted 0.75",
    ]
    file.write_text(GOLDEN.format(recall=0.76))
    code, out, err = ask("--golden", str(file), "--json")
    assert code == 7
    assert json.loads(out)["questions"][1] == {"question": "Oil leak at fitting 4", "recall": 0.5, "missing": [["RE5"]]}
    assert "recall@6 is 0.7500, below the 0.76 of the golden questions" in err
    for faulty, line in {
        "recall: 2": "golden.yml:1:9: recall:",
        "recall: 1\nk: 1\nquestions:\n  - {question: x, keys: [a, b]}": "question 1 has 2 keys, but k is 1",
        "recall: 1\nquestions: []": "golden.yml:2:12: questions:",
        "recall: 1\nquestions:\n  - {question: ' ', keys: [a]}": "the search text is empty",
        "recall: [": "is not YAML",
        "recall: 1\nquestion: 2": "golden.yml:",
        "- 1": "golden.yml:1:1",
    }.items():
        file.write_text(faulty)
        code, out, err = ask("--golden", str(file))
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert line in err
