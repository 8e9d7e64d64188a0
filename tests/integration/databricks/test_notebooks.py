"""Each notebook, cell by cell in a folder like a workspace's, against a real Neo4j, real Delta and a served model."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from delta_neo4j.embedding.base import PROBES
from delta_neo4j.errors import DeadLetterGateError, LoaderError, SettingsError
from tests.support.graph_dump import REGISTRY, dump
from tests.support.neo4j_servers import PASSWORD
from tests.support.notebook import Session, bring_in
from tests.support.places import ROOT
from tests.support.tables import removal, write

SCOPE = "airline-neo4j-secrets"


@pytest.fixture(autouse=True)
def _drawn_to_memory():
    """A notebook draws without a screen."""
    mpl.use("agg")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The repository as a workspace has it."""
    folder = tmp_path_factory.mktemp("workspace")
    bring_in(ROOT, ["notebooks", "delta_neo4j", "mappings", "load_utils.py", "model_setup.py"], folder)
    return folder / "notebooks"


@pytest.fixture
def notebook(spark, workspace, lts_graph, endpoint, monkeypatch):
    """Make a session whose scope leads to the test server and whose endpoint is the counting one."""
    monkeypatch.setenv("EMBEDDING_URL", endpoint.url)
    host = lts_graph.uri.removeprefix("bolt://")
    secrets = {"host": host, "username": "neo4j", "password": PASSWORD, "protocol": "bolt"}

    def run(name, session=None, **widgets):
        session = session or Session(spark, {SCOPE: secrets}, embedder="rest", **widgets)
        session.run(workspace / name)
        return session

    run.session = lambda **widgets: Session(spark, {SCOPE: secrets}, embedder="rest", **widgets)
    return run


def _places(tmp_path):
    return {
        "source": str(tmp_path / "source"),
        "state": str(tmp_path / "state"),
        "checkpoint": str(tmp_path / "checkpoint"),
    }


def _frames(session):
    return [thing for thing in session.shown if isinstance(thing, pd.DataFrame)]


def _figures(session):
    return [thing for thing in session.shown if isinstance(thing, Figure)]


def test_connect_shows_that_neo4j_and_the_model_answer(notebook, lts_graph, endpoint, capsys):
    """The server's version, what the graph holds, the model by the way of a load; nothing is written."""
    lts_graph.query("CREATE (:Mine)-[:KNOWS]->(:Mine)")
    before = dump(lts_graph.driver)
    session = notebook("01_connect")
    said = capsys.readouterr().out
    assert re.search(rf"connected to Neo4j 5\.26\.\d+ at {lts_graph.uri}, database neo4j\n", said)
    assert f"minilm-embedder answers with 384 values: REST endpoint {endpoint.url}" in said
    assert PASSWORD not in said
    held, cosines = _frames(session)
    assert held.to_dict("records") == [{"nodes": 2, "relationships": 1}]
    assert [cosines.iloc[place, place] for place in range(3)] == [1.0, 1.0, 1.0]
    assert dump(lts_graph.driver) == before


def test_connect_names_a_scope_that_is_not_there(notebook):
    """The words people search for, and how the scope is made."""
    with pytest.raises(SettingsError, match=r"Secret scope not found: 'nope' .*create it with ./setup_secrets.sh"):
        notebook("01_connect", scope="nope")


def test_load_plans_loads_and_shows_the_summary(notebook, spark, lts_graph, tmp_path, capsys):
    """Plan, progress, tables and a picture; the exit value is the summary, and a second run finds nothing new."""
    write(spark, tmp_path / "source", [removal(n) for n in range(40)])
    session = notebook("02_load", **_places(tmp_path))
    summary = json.loads(session.exit)
    assert summary["balanced"]
    assert lts_graph.value("MATCH (n:RemovalEvent) WHERE n.embedding IS NOT NULL RETURN count(n) AS c") == 40
    planned, tables, edges, embedding = _frames(session)
    assert planned.set_index("what").figure["rows pending"] == "40"
    assert tables.to_dict("records")[0].items() >= {"table": "removals", "rows read": 40, "written": 40}.items()
    assert list(edges.written) == [40, 40]
    assert list(embedding.texts_embedded) == [7]
    (figure,) = _figures(session)
    outcomes, seconds = figure.axes
    assert sum(bar.get_width() for bar in outcomes.patches) == 40
    assert "write" in [label.get_text() for label in seconds.get_yticklabels()]
    assert re.search(r"removals: [\d,]+ of [\d,]+ rows · [\d,]+ rows/s", capsys.readouterr().out)
    again = notebook("02_load", **_places(tmp_path))
    assert json.loads(again.exit)["totals"]["rows_read"] == 0


def test_load_that_fails_shows_its_summary_and_fails(notebook, spark, tmp_path):
    """A mapping that does not fit its source ends in dead letters: they are shown, and the notebook fails."""
    write(spark, tmp_path / "source", [removal(n, time_since_install="long") for n in range(200)])
    session = notebook.session(**_places(tmp_path))
    with pytest.raises(DeadLetterGateError):
        notebook("02_load", session)
    assert session.exit is None
    assert _figures(session)


def test_search_shows_answers_and_what_is_around_the_best(notebook, spark, lts_graph, tmp_path):
    """The best answer is the node with the question's own words; around it stand the mapping's nodes and others'."""
    write(spark, tmp_path / "source", [removal(n) for n in range(14)])
    notebook("02_load", **_places(tmp_path))
    lts_graph.query("MATCH (n:RemovalEvent) CREATE (n)-[:NOTED_IN {page: 1}]->(:Page {vector: [0.5, 1.5]})")
    lts_graph.query("MATCH (n:Component) SET n:Serviced, n.aircraft_id = 'A7', n.spans = [1, 2]")
    session = notebook("03_search", question="Oil leak at fitting 3", limit="4")
    answers, around = _frames(session)
    assert list(answers.RMV_REA_TX[:2]) == ["Oil leak at fitting 3"] * 2
    assert list(answers.score[:2]) == ["1.000"] * 2
    assert len(answers) == 4
    best = int(answers.key[0].removeprefix("RE"))
    assert set(zip(around.relationship, around.label, around.node, around.incoming, strict=True)) == {
        ("HAS_REMOVAL", "Component", f"C{best % 11}", True),
        ("HAS_REMOVAL_EVENT", "Aircraft", f"A{best % 3}", True),
        ("NOTED_IN", "Page", "", False),
    }
    (figure,) = _figures(session)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert f"RemovalEvent\n{answers.key[0]}" in words
    assert f"Component\nC{best % 11}" in words
    lts_graph.query("MATCH (n) DETACH DELETE n")
    assert notebook("03_search").exit == "no answer: the graph holds no vector yet; run 02_load"


@pytest.fixture
def mine(lts_graph):
    """A graph of somebody else's, with labels, rules and an index like the mapping's; give what must stay."""
    lts_graph.query("CREATE CONSTRAINT mine FOR (n:RemovalEvent) REQUIRE n.removal_id IS UNIQUE")
    lts_graph.query("CREATE VECTOR INDEX removal_reason_embeddings FOR (n:RemovalEvent) ON n.embedding")
    lts_graph.query(
        "CREATE (:Component {component_id: 'C00001'})-[:HAS_REMOVAL]->(:RemovalEvent {removal_id: 'RE00000001'})"
    )

    def all_of_it():
        shown = "YIELD name, labelsOrTypes WHERE NOT $registry IN coalesce(labelsOrTypes, []) RETURN * ORDER BY name"
        rules = [lts_graph.query(f"SHOW {what} {shown}", registry=REGISTRY) for what in ("CONSTRAINTS", "INDEXES")]
        registered = lts_graph.value(f"MATCH (n:{REGISTRY}) RETURN count(n) AS c")
        return dump(lts_graph.driver), rules, registered

    return all_of_it


def _temporary():
    return sorted(Path(tempfile.gettempdir()).glob("*.yml"))


def test_load_test_reports_its_rate_and_leaves_no_trace(notebook, mine, endpoint, tmp_path, capsys, monkeypatch):
    """N removals are loaded by parallel writers under labels of their own and go again, and nothing else goes."""
    # What a cluster may say of production is not taken.
    monkeypatch.setenv("SOURCE_TABLE", "prod.fleet.removals")
    monkeypatch.setenv("CHECKPOINT_LOCATION", str(tmp_path / "production"))
    before, files = mine(), _temporary()
    session = notebook("04_load_test", rows="300", writers="2", folder=str(tmp_path / "volume"))
    figures = json.loads(session.exit)
    assert (figures["rows"], figures["writers"]) == (300, 2)
    assert figures["rows/s"] > 0
    sample, shown = _frames(session)
    assert set(sample.RMV_REA_TX) <= set(session.namespace["reasons"])
    assert len(set(endpoint.texts) & set(session.namespace["reasons"])) == 12
    assert list(shown.rows) == [300]
    said = capsys.readouterr().out
    label = session.namespace["test"]
    assert f"MERGE (n:`{label}_RemovalEvent` {{`removal_id`: row.k0}})" in said
    assert f"MERGE (end:`{label}_Component` {{`component_id`: row.t0}})" in said
    assert session.namespace["removed"] > 300  # with their components and aircraft
    assert mine() == before
    assert list((tmp_path / "volume").iterdir()) == []
    assert not (tmp_path / "production").exists()
    assert _temporary() == files


def test_load_test_that_fails_cleans_up_and_fails(notebook, mine, endpoint, tmp_path):
    """When the model goes away after preflight, the rules, the index and the folder that were made go all the same."""
    before, files = mine(), _temporary()
    session = notebook.session(rows="50", writers="1", folder=str(tmp_path / "volume"))
    gone = (404, {}, '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such endpoint"}')
    refused = []

    def answer(texts):
        refused.extend(text for text in texts if text not in PROBES)
        return gone if refused else None

    endpoint.answer = answer
    with pytest.raises(LoaderError, match="404"):
        notebook("04_load_test", session)
    assert refused
    assert set(session.namespace["report"].seconds) >= {"preflight", "stream"}
    assert session.exit is None
    assert mine() == before
    assert list((tmp_path / "volume").iterdir()) == []
    assert _temporary() == files
