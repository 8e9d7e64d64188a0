"""The embedder in MLflow: logs it with its weights, loads it, registers it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from delta_neo4j.embedding.minilm import engines
from delta_neo4j.embedding.minilm.checks import frame
from delta_neo4j.embedding.minilm.weights import WEIGHTS_SHA256, ModelError
from delta_neo4j.errors import first_line

if TYPE_CHECKING:
    from delta_neo4j.embedding.minilm.checks import Model

ALIAS: Final = "champion"
_SERVED_MODULE = "delta_neo4j.embedding.minilm.served"
_NO_SCHEMA = re.compile(
    r"\b(catalog|schema)\b.*(not exist|not found)|NO_SUCH_(CATALOG|SCHEMA)|(CATALOG|SCHEMA)_(DOES_NOT_EXIST|NOT_FOUND)",
    re.IGNORECASE,
)
_LONGEST = 300  # characters of an MLflow error in a message: its first line may hold a whole HTML page
_EXAMPLE = ("ENGINE OIL PRESSURE LOW", "Hydraulic pump leaking, replaced")


class Logged(NamedTuple):
    """A logged model: its MLflow URI, its engine, and the reason if there was a choice."""

    uri: str
    engine: str
    reason: str | None


def log_model(
    tracking_uri: str | None, experiment: str, artifacts: Path | None = None, *, engine: str = engines.TORCH
) -> Logged:
    """Log the embedder with its weights as a model of `experiment`.

    `tracking_uri` None keeps the tracking server of the environment. `artifacts` is the folder for the files of a new
    experiment in a store without a server (default: MLflow decides). `engine` is the preferred one, see
    `engines.prepared`. Raises ModelError if the weights, a library or the tracking server is missing.
    """
    mlflow = _mlflow()
    with engines.prepared(engine) as chosen:
        requirements = _pinned(chosen.name)
        if tracking_uri is not None:
            mlflow.set_tracking_uri(tracking_uri)
        try:
            if artifacts is not None and mlflow.get_experiment_by_name(experiment) is None:
                mlflow.create_experiment(experiment, artifact_location=artifacts.absolute().as_uri())
            mlflow.set_experiment(experiment)
            with mlflow.start_run():
                logged = mlflow.pyfunc.log_model(
                    name="minilm",
                    python_model=str(_served_file()),
                    artifacts={"minilm": str(chosen.folder)},
                    signature=_signature(),
                    input_example=frame(_EXAMPLE),
                    pip_requirements=requirements,
                    metadata={
                        "engine": chosen.name,
                        "fingerprint": fingerprint(engine),
                        "weights_sha256": WEIGHTS_SHA256,
                    },
                )
        except mlflow.exceptions.MlflowException as fault:
            raise ModelError(f"logging to the experiment {experiment} failed: {first_line(fault, _LONGEST)}") from fault
    return Logged(logged.model_uri, chosen.name, chosen.reason)


def has_server() -> bool:
    """Return whether the environment names an MLflow store, as Databricks does; else MLflow would create one here."""
    mlflow = _mlflow()
    return bool(mlflow.is_tracking_uri_set() or str(mlflow.get_tracking_uri()).startswith("databricks"))


def load(model_uri: str) -> Model:
    """Load a logged model as a server does, with its own code and weights; raise ModelError if that fails."""
    mlflow = _mlflow()
    try:
        model: Model = mlflow.pyfunc.load_model(model_uri)
    except mlflow.exceptions.MlflowException as fault:
        raise ModelError(f"the model {model_uri} cannot be loaded: {first_line(fault, _LONGEST)}") from fault
    return model


def register(model_uri: str, name: str) -> str:
    """Register a logged model as `name`, set the alias `champion` and return the version.

    In Unity Catalog `name` has three parts, and its catalog and schema must exist. Raises ModelError with the remedy.
    """
    mlflow = _mlflow()
    where = str(mlflow.get_registry_uri())
    if re.match(r"databricks(:|$)", where):  # an older MLflow would use the workspace's registry
        mlflow.set_registry_uri(where.replace("databricks", "databricks-uc", 1))
    try:
        version = mlflow.register_model(model_uri, name).version
        mlflow.MlflowClient().set_registered_model_alias(name, ALIAS, version)
    except mlflow.exceptions.MlflowException as fault:
        raise ModelError(f"registering {name} failed: {first_line(fault, _LONGEST)}; {_remedy(name, fault)}") from fault
    return str(version)


def registered_version(name: str) -> str:
    """Return the version of `name` with the alias `champion`; raise ModelError if there is none."""
    mlflow = _mlflow()
    try:
        return str(mlflow.MlflowClient().get_model_version_by_alias(name, ALIAS).version)
    except mlflow.exceptions.MlflowException as fault:
        raise ModelError(
            f"{name} has no version with the alias {ALIAS} ({first_line(fault, _LONGEST)}): register the model first"
        ) from fault


def fingerprint(engine: str = engines.TORCH) -> str:
    """Return a digest of a logged model's inputs: code, weights, pinned libraries, preferred engine."""
    code = [_file_of(module).read_text(encoding="utf-8") for module in (_SERVED_MODULE, engines.__name__)]
    parts = [engine, *code, WEIGHTS_SHA256, *_pinned(engine)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _remedy(name: str, fault: Exception) -> str:
    """Return what to do about a refused registration; `name` is the model's full name."""
    catalog, _, rest = name.partition(".")
    schema = rest.partition(".")[0]
    if _NO_SCHEMA.search(str(fault)):
        return (
            f"create them and run again: CREATE CATALOG IF NOT EXISTS {catalog}; "
            f"CREATE SCHEMA IF NOT EXISTS {catalog}.{schema};"
        )
    return f"in Unity Catalog you need USE CATALOG on {catalog}, USE SCHEMA and CREATE MODEL on {catalog}.{schema}"


def _signature() -> Any:
    """Return the signature: one input column `text`, for `ai_query` and REST callers; a list of doubles per row."""
    models = importlib.import_module("mlflow.models")
    types = importlib.import_module("mlflow.types")
    schema = importlib.import_module("mlflow.types.schema")
    return models.ModelSignature(
        inputs=types.Schema([types.ColSpec("string", "text")]),
        outputs=types.Schema([types.ColSpec(schema.Array(types.DataType.double))]),
    )


def _served_file() -> Path:
    return _file_of(_SERVED_MODULE)


def _file_of(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModelError(f"the file of {module} is missing: install delta-neo4j again")
    return Path(spec.origin)


def _pinned(engine: str) -> list[str]:
    try:
        # The local part of a version (+cpu) names a build that the server's package index does not have.
        return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in engines.REQUIREMENTS[engine]]
    except metadata.PackageNotFoundError as missing:
        extra = "openvino" if missing.name == "openvino" else "model"
        raise ModelError(f"{missing.name} is not installed: pip install 'delta-neo4j[{extra}]'") from None


def _mlflow() -> Any:
    try:
        return importlib.import_module("mlflow")
    except ModuleNotFoundError:
        raise ModelError("mlflow is not installed: pip install 'delta-neo4j[model]'") from None
