"""The password and the token are nowhere where a failed run leaves words."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path

import pytest

from delta_neo4j.errors import BalanceError
from delta_neo4j.settings.values import EmbeddingSettings, Neo4jSettings
from tests.support.neo4j_servers import PASSWORD
from tests.support.tables import removal, write

TOKEN, WRONG = "dapi-a-token-of-the-endpoint", "a-wrong-password-of-neo4j"
SECRETS = (PASSWORD, TOKEN, WRONG)


def _raised(step, value):
    if step == "relationships HAS_REMOVAL":
        raise BalanceError("the sums differ")
    return value


def _other(token):
    return lambda texts: (401, {}, json.dumps({"message": f"bad token {token}"}))  # noqa: ARG005


# What fails, the exit code, and the run: (its changes, its hook, the endpoint's answer).
FAULTS = {
    "the endpoint refuses the token": (2, {}, None, _other(TOKEN)),
    "the endpoint does not answer": (3, {}, None, lambda texts: (500, {}, "no")),  # noqa: ARG005
    "the sums differ": (4, {}, _raised, None),
    "too many dead letters": (5, {}, None, None),
    "Neo4j refuses the password": (2, {"password": WRONG}, None, None),
    "nothing answers at the address": (2, {"uri": "bolt://127.0.0.1:9"}, None, None),
}


@pytest.fixture
def failing(spark, lts_graph, loads, endpoint):
    """Run a load that fails in a way, and give its report."""

    def of(exit_code, neo4j, hook, answer):
        runs = loads(lts_graph)
        bad = {"cost_estimate": "much"} if exit_code == 5 else {}
        write(spark, runs.source, [removal(n, **bad) for n in range(120)])
        endpoint.answer = answer
        given = {"uri": lts_graph.uri, "username": "neo4j", "password": PASSWORD, **neo4j}
        embedding = EmbeddingSettings(embedder="rest", url=endpoint.url, token=TOKEN, wait_seconds=1)
        more = {"hook": hook} if hook else {}
        report = runs.run(neo4j=Neo4jSettings(**given), embedding=embedding, graph_retry_seconds=1, **more)
        assert report.exit_code == exit_code, report.error
        return runs, report

    return of


@pytest.mark.parametrize("kind", FAULTS)
def test_no_secret_is_left_by_a_failed_run(spark, lts_graph, failing, caplog, kind):
    """Not in the error, its traceback, logs, Spark's plans, the state, the graph, the command lines of processes."""
    caplog.set_level(logging.DEBUG, "delta_neo4j")
    caplog.set_level(logging.DEBUG, "neo4j")
    runs, report = failing(*FAULTS[kind])
    words = {
        "traceback": "".join(traceback.format_exception(report.error)),
        "summary": json.dumps(report.summary()),
        "log": caplog.text,
        "plans": "\n".join(_plans(spark)),
        "graph": str(lts_graph.query("MATCH (n) RETURN labels(n) AS l, properties(n) AS p")),
        "commands": "\n".join(_commands()),
        **{str(path): text for path, text in _files(runs.state)},
    }
    assert len(words["plans"]) > 100
    assert "delta_neo4j" in words["traceback"]
    found = {(place, secret) for place, text in words.items() for secret in SECRETS if secret in text}
    assert not found


def _plans(spark):
    """Give the plans of the session's queries, as Spark's own pages show them."""
    shown = spark._jsparkSession.sharedState().statusStore().executionsList()
    return [shown.apply(n).physicalPlanDescription() for n in range(shown.size())]


def _files(state):
    for path in Path(state).rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("latin-1")


def _commands():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().decode("utf-8", "replace")
        except OSError:  # the process has ended
            continue
