"""A load as an MLflow run: its settings as parameters, its micro-batches as metrics, its report as artifact."""

from __future__ import annotations

import importlib
import itertools
import logging
from typing import TYPE_CHECKING

from delta_neo4j.errors import first_line
from delta_neo4j.runs.report import figures, html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delta_neo4j.runs.report.html import Told

MOST_STEPS = 1_000  # of a metric; more micro-batches are logged in groups
_AT_ONCE, _MOST_PARAMETERS, _LONGEST = 1_000, 100, 500  # what one call of MLflow takes, and the length of a parameter

log = logging.getLogger(__name__)


def logged(told: Told, experiment: str) -> str:
    """
    Log a stored run to an experiment of the MLflow that the environment names, and return where, or why not, in words.

    Never raises: a load does not fail because its MLflow run cannot be made. Starts no run of the fluent API, so a run
    that the user's notebook has open stays as it is.
    """
    try:
        where = _log(told, experiment)
    except ImportError:
        where = "no MLflow run: mlflow is missing, install it with pip install mlflow"
    except Exception as error:  # noqa: BLE001  # whatever MLflow or its server raises, the load is done
        where = f"no MLflow run: {type(error).__name__}: {first_line(error, 300)}"
    log.info("mlflow", extra={"told": where})
    return where


def _log(told: Told, experiment: str) -> str:
    entities = importlib.import_module("mlflow.entities")
    client = importlib.import_module("mlflow").MlflowClient()
    if str(client.tracking_uri).startswith("databricks") and not experiment.startswith("/"):
        experiment = f"/Shared/{experiment}"  # a workspace names experiments by their path
    run, began = told.run, round(told.run.started_at.timestamp() * 1000)
    found = client.get_experiment_by_name(experiment)
    number = found.experiment_id if found else client.create_experiment(experiment)
    mine = client.create_run(number, start_time=began, run_name=f"delta-neo4j {run.run_id}").info.run_id
    state = "FAILED"
    try:
        parameters = [(name, str(value)[:_LONGEST]) for name, value in html.shown_settings(run.settings)]
        tags = {"delta_neo4j.run_id": run.run_id, "delta_neo4j.status": run.status, **run.summary["versions"]}
        client.log_batch(
            mine,
            params=[entities.Param(*each) for each in parameters[:_MOST_PARAMETERS]],
            tags=[entities.RunTag(name, value) for name, value in tags.items()],
        )
        metrics = (entities.Metric(*each) for each in _metrics(told))
        while some := list(itertools.islice(metrics, _AT_ONCE)):
            client.log_batch(mine, metrics=some)
        client.log_text(mine, html.page(told, run.ended_at or run.started_at), "report.html")
        state = {"succeeded": "FINISHED", "stopped": "KILLED"}.get(run.status, "FAILED")
    finally:
        client.set_terminated(mine, state)
    return f"MLflow run {mine} of experiment {experiment}"


def _metrics(told: Told) -> Iterator[tuple[str, float, int, int]]:
    """Yield (name, value, milliseconds since 1970, step): those of each micro-batch, then the totals of the run."""
    moment = round((told.run.ended_at or told.run.started_at).timestamp() * 1000)
    for step, each in enumerate(figures.groups(told.batches, MOST_STEPS)):
        moment = round(each.ended.timestamp() * 1000)
        values = {"rows_read": each.rows, "rows_per_second": each.rate, "seconds": each.seconds}
        values |= {"texts_embedded": each.embedded, "cache_hits": each.cache_hits, **each.outcomes}
        yield from ((f"batch.{name}", float(value), moment, step) for name, value in values.items())
    summary = told.run.summary
    totals = {"rows_read": summary["totals"]["rows_read"], **summary["totals"]["outcomes"]}
    totals |= {f"seconds.{name}": value for name, value in summary["seconds"].items()}
    totals |= {name: summary["embedding"][name] for name in ("texts", "cache_hits", "texts_embedded", "texts_faulted")}
    yield from ((f"total.{name}", float(value), moment, 0) for name, value in totals.items())
