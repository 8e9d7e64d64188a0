"""A stored run in a real MLflow store."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from delta_neo4j.runs.report import html, mlflow
from delta_neo4j.state.spark_reader import SparkReader
from tests.support.states import account, batch, fill, run

SETTINGS = json.dumps({"mapping": "removals", "neo4j": {"uri": "bolt://h", "password": "pw"}})
GRAPH = {"fault": "not looked at", "indexes": []}


@pytest.fixture(scope="module")
def told(spark, tmp_path_factory):
    """A run of two micro-batches, as its state tells it."""
    state, accounts = str(tmp_path_factory.mktemp("state")), [account(100), account(60, 2)]
    fill(
        spark,
        state,
        ledger=[batch("r1", number, counted) for number, counted in enumerate(accounts)],
        runs=[run("r1", accounts, settings=SETTINGS)],
    )
    return html.told(SparkReader(spark, state), "r1", GRAPH)


@pytest.mark.needs_model
def test_a_run_has_parameters_metrics_by_micro_batch_and_the_report(told, tmp_path, monkeypatch):
    """One metric point a micro-batch, totals, the page as artifact, no secret; a run that is open stays as it is."""
    import mlflow as library

    before = library.get_tracking_uri()
    monkeypatch.chdir(tmp_path)
    library.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    try:
        where = mlflow.logged(told, "loads")
        client = library.MlflowClient()
        (made,) = client.search_runs([client.get_experiment_by_name("loads").experiment_id])
        assert where == f"MLflow run {made.info.run_id} of experiment loads"
        assert made.info.status == "FINISHED"
        assert made.data.params == {"mapping": "removals", "neo4j.uri": "bolt://h", "neo4j.password": "***"}
        rows = client.get_metric_history(made.info.run_id, "batch.rows_read")
        assert [(point.step, point.value) for point in rows] == [(0, 100.0), (1, 60.0)]
        assert made.data.metrics["total.dead_lettered"] == 2
        assert made.data.tags["delta_neo4j.run_id"] == "r1"
        page = client.download_artifacts(made.info.run_id, "report.html", str(tmp_path))
        assert "<title>load r1: succeeded</title>" in Path(page).read_text(encoding="utf-8")
        assert library.active_run() is None
    finally:
        library.set_tracking_uri(before)


def test_a_store_that_fails_is_a_line_and_no_error(told, monkeypatch):
    """Without MLflow the line says what to install; the error of a server that is not there is in it."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert mlflow.logged(told, "loads") == "no MLflow run: mlflow is missing, install it with pip install mlflow"
    monkeypatch.setattr(mlflow, "_log", lambda *_: 1 / 0)
    assert mlflow.logged(told, "loads") == "no MLflow run: ZeroDivisionError: division by zero"
