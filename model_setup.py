"""The embedding model for the loader: logged, validated and registered in MLflow.

In a Databricks notebook `from model_setup import main; main()`; on one machine `python model_setup.py --local`.
"""

# ruff: noqa: T201 - this file talks to a person

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

try:
    from delta_neo4j.errors import LoaderError
    from delta_neo4j.model import registry
    from delta_neo4j.model.weights import ModelError
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
    """What was made: the logged model, what its validation found, its registered version if it has one."""

    model_uri: str
    checks: list[registry.Check]
    version: str | None


def main(register_model: bool = True, test_endpoint: bool = True, *, local: bool = False) -> Outcome:
    """Log and validate the model, register it, and say how it gets an endpoint.

    `local` keeps everything in a SQLite store below `.local/mlflow`, where there is no endpoint to test; so
    does a call that wants neither registration nor endpoint where no MLflow server is known. Raises a
    LoaderError with one line when a step fails; a model that fails its validation is not registered.
    """
    if not local and not registry.has_server():
        if register_model or test_endpoint:
            raise ModelError(
                "no MLflow server is known here: run this in Databricks, set MLFLOW_TRACKING_URI, or use --local"
            )
        local = True
    tracking_uri, artifacts = _local_store() if local else (None, None)
    print(f"Logging the model to {EXPERIMENT}")
    model_uri = registry.log_model(tracking_uri, EXPERIMENT, artifacts)
    print(f"Logged as {model_uri}. Validating it as loaded from there:")
    checks = registry.validate(registry.load(model_uri))
    for check in checks:
        print(f"  {'ok' if check.passed else 'FAILED'}  {check.name}: {check.figure:.3g} (wanted {check.wanted})")
    registry.require(checks)
    version = None
    if register_model:
        version = registry.register(model_uri, MODEL_NAME)
        print(f"Registered as {MODEL_NAME}, version {version}, alias {registry.ALIAS}")
    if test_endpoint and not local:
        print(_how_to_make_the_endpoint(version))
    return Outcome(model_uri, checks, version)


def _local_store() -> tuple[str, Path]:
    store = _LOCAL_STORE.absolute()
    store.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{store / 'mlflow.db'}", store / "artifacts"


def _how_to_make_the_endpoint(version: str | None) -> str:
    return f"""The endpoint was not tested: this version does not make or call one yet. By hand:
  1. Serving → Create endpoint
  2. Name: {ENDPOINT}
  3. Served entity → Custom model: {MODEL_NAME}, version {version or "as registered"}
  4. Compute: CPU, Small, scale to zero
  5. Create, wait for Ready, then Query endpoint with {{"dataframe_records": [{{"text": "ENGINE OIL LEAK"}}]}};
     the answer is {{"predictions": [[384 numbers]]}}"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Log, validate and register the embedding model.")
    parser.add_argument("--no-register", action="store_true", help="log and validate only")
    parser.add_argument("--no-test-endpoint", action="store_true", help="say nothing about the endpoint")
    parser.add_argument("--local", action="store_true", help=f"keep everything below {_LOCAL_STORE}")
    return parser.parse_args()


if __name__ == "__main__":
    chosen = _arguments()
    try:
        main(not chosen.no_register, not chosen.no_test_endpoint, local=chosen.local)
    except LoaderError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
