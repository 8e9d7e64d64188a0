"""Log, validate and register the loader's embedding model in MLflow; serve and probe it on Databricks.

In a Databricks notebook `from model_setup import main; main()`; on one machine `python model_setup.py --local`.
"""

# ruff: noqa: T201 - this file prints for a person

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

try:
    from delta_neo4j.embedding.minilm import checks, endpoint, engines, probe, registry
    from delta_neo4j.embedding.minilm.weights import ModelError
    from delta_neo4j.embedding.minilm.workspace import Workspace
    from delta_neo4j.errors import LoaderError, SettingsError
    from delta_neo4j.settings.login import databricks_login
except ModuleNotFoundError as missing:
    _LINE = (
        f"model_setup.py needs {missing.name}: `%pip install 'delta-neo4j[model,weights]'`, "
        "or upload the folder delta_neo4j beside this file"
    )
    if __name__ == "__main__":
        raise SystemExit(_LINE) from None
    raise ImportError(_LINE) from None

MODEL_NAME = "airline_test.ml.minilm_l6_v2_embedder"
EXPERIMENT = "/Shared/airline-replacement-events-embedding-loadtest"
ENDPOINT = "minilm-embedder"

_LOCAL_STORE = Path(".local/mlflow")


class Outcome(NamedTuple):
    """The logged model's URI, the checks of its validation, and its registered version (None if not registered)."""

    model_uri: str
    checks: list[checks.Check]
    version: str | None


def main(
    register_model: bool = True,
    test_endpoint: bool = True,
    create_endpoint: bool = False,
    *,
    engine: str = engines.TORCH,
    workload_type: str = "CPU",
    local: bool = False,
) -> Outcome:
    """Log and validate the model, register it, and probe its endpoint or print how to create one.

    `create_endpoint`: create or update the endpoint, which costs money from then on, and wait until it is ready.
    `workload_type`: the endpoint's machine, such as GPU_SMALL. `engine`: "openvino" is faster on a CPU; the model is
    logged with it only if its vectors equal torch's. `local`: store the model below `.local/mlflow`, without an
    endpoint; also the case if nothing is registered or probed and the environment names no MLflow server.

    Raises a one-line `LoaderError` if a step fails; a model that fails its validation is not registered.
    """
    engines.require_known(engine)
    _require_consistent(create_endpoint, engine, workload_type, local)
    if not local and not registry.has_server():
        if register_model or test_endpoint or create_endpoint:
            raise ModelError(
                "no MLflow server is configured: run this in Databricks, set MLFLOW_TRACKING_URI, or use --local"
            )
        local = True
    # Log in before the model is made, which takes minutes: without a login there is no endpoint.
    workspace = Workspace(*databricks_login()) if create_endpoint else None
    logged, model, found = _log_and_validate(engine, local)
    version = None
    if register_model:
        version = registry.register(logged.uri, MODEL_NAME)
        print(f"Registered as {MODEL_NAME}, version {version}, alias {registry.ALIAS}")
    if workspace is not None:
        version_to_serve = version or registry.registered_version(MODEL_NAME)
        wanted = endpoint.Wanted(ENDPOINT, MODEL_NAME, version_to_serve, workload_type)
        endpoint.deploy(workspace, wanted, endpoint.Watch(print))
    if test_endpoint and not local:
        _test_endpoint(workspace, model, version)
    return Outcome(logged.uri, found, version)


def _require_consistent(create_endpoint: bool, engine: str, workload_type: str, local: bool) -> None:
    if create_endpoint and local:
        raise ModelError("a local store has no endpoint: leave out create_endpoint or local")
    if engine == engines.OPENVINO and workload_type != "CPU":
        raise ModelError(f"OpenVINO computes on the CPU and cannot use {workload_type}: use engine torch")


def _log_and_validate(engine: str, local: bool) -> tuple[registry.Logged, checks.Model, list[checks.Check]]:
    tracking_uri, artifacts = _local_store() if local else (None, None)
    print(f"Logging the model to {EXPERIMENT}")
    logged = registry.log_model(tracking_uri, EXPERIMENT, artifacts, engine=engine)
    if logged.reason:
        print(logged.reason)
    print(f"Logged as {logged.uri}, engine {logged.engine}. Validating it as loaded from there:")
    model = registry.load(logged.uri)
    found = checks.validate(model)
    for check in found:
        print(f"  {'ok' if check.passed else 'FAILED'}  {check.name}: {check.figure:.5g} (wanted {check.wanted})")
    checks.require(found)
    return logged, model, found


def _local_store() -> tuple[str, Path]:
    store = _LOCAL_STORE.absolute()
    store.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{store / 'mlflow.db'}", store / "artifacts"


def _test_endpoint(workspace: Workspace | None, model: checks.Model, version: str | None) -> None:
    """Compare the endpoint's vectors with the logged model's; without an endpoint, print how to create one."""
    try:
        workspace = workspace or Workspace(*databricks_login())
    except SettingsError as no_login:
        print(f"The endpoint was not tested: {no_login}\n{_how_to_create_the_endpoint(version)}")
        return
    record = endpoint.find(workspace, ENDPOINT)
    if record is None:
        print(f"The endpoint was not tested: there is none yet.\n{_how_to_create_the_endpoint(version)}")
        return
    served = endpoint.served_version(record, MODEL_NAME)
    if served is None or not endpoint.is_ready(record):
        print(f"The endpoint was not tested: {ENDPOINT} is not ready yet. When it is: main(register_model=False)")
        return
    if version not in (None, served):
        print(f"{ENDPOINT} serves version {served}, not {version}: main(create_endpoint=True) updates it")
    expected = checks.vectors(model, probe.TEXTS)
    answer = probe.over_rest(workspace, ENDPOINT, probe.TEXTS, endpoint.Watch(print, probe.WAKE_SECONDS))
    worst = probe.require_same(answer, expected, f"the endpoint {ENDPOINT}")
    print(f"{ENDPOINT} answers over REST with the model's vectors: worst cosine {worst:.6f}")
    print(_test_ai_query(expected[:1]))


def _test_ai_query(expected: Any) -> str:
    session = probe.active_session()
    if session is None:
        return "ai_query was not tested: there is no Spark session here"
    try:
        answer = probe.over_ai_query(session, ENDPOINT, probe.TEXTS[0])
    except probe.NotAvailableError as missing:
        return f"ai_query was not tested, this session cannot call it: {missing}"
    worst = probe.require_same([answer], expected, f"ai_query on {ENDPOINT}")
    return f"{ENDPOINT} answers ai_query with the model's vectors: cosine {worst:.6f}"


def _how_to_create_the_endpoint(version: str | None) -> str:
    return f"""main(create_endpoint=True), or --create-endpoint, creates it; it costs money. By hand:
  1. Serving → Create endpoint
  2. Name: {ENDPOINT}
  3. Served entity → Custom model: {MODEL_NAME}, version {version or "as registered"}
  4. Compute: CPU, Small, scale to zero
  5. Create, wait for Ready, then Query endpoint with {{"dataframe_records": [{{"text": "ENGINE OIL LEAK"}}]}};
     the answer is {{"predictions": [[384 numbers]]}}
  6. main(register_model=False) compares its vectors with the model's"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Log, validate, register and serve the embedding model.")
    parser.add_argument("--no-register", action="store_true", help="do not register the model (default register)")
    parser.add_argument("--no-test-endpoint", action="store_true", help="do not probe the endpoint (default probe)")
    parser.add_argument(
        "--create-endpoint",
        action="store_true",
        help="create or update the endpoint, which costs money (default only probe it)",
    )
    parser.add_argument("--workload-type", default="CPU", help="machine of the endpoint, e.g. GPU_SMALL (default CPU)")
    parser.add_argument(
        "--engine",
        default=engines.TORCH,
        choices=list(engines.REQUIREMENTS),
        help="engine of the model (default torch)",
    )
    parser.add_argument(
        "--local", action="store_true", help=f"store the model below {_LOCAL_STORE} (default an MLflow server)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _arguments()
    try:
        main(
            not chosen.no_register,
            not chosen.no_test_endpoint,
            chosen.create_endpoint,
            engine=chosen.engine,
            workload_type=chosen.workload_type,
            local=chosen.local,
        )
    except LoaderError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
