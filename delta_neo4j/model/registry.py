"""The embedder in MLflow: logged with its weights, validated, registered."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from delta_neo4j.model.weights import DIMENSION, WEIGHTS_SHA256, ModelError, minilm_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

ALIAS: Final = "champion"

# What the served file and the weights need: a serving endpoint installs exactly the versions found here.
_REQUIREMENTS = ("mlflow", "sentence-transformers", "transformers", "tokenizers", "torch", "numpy", "pandas")
_SERVED_MODULE = "delta_neo4j.model.served"
_EXAMPLE = ("ENGINE OIL PRESSURE LOW", "Hydraulic pump leaking, replaced")

# (a removal reason, the same in other words, something else from the same hangar)
_MEANINGS = (
    ("ENGINE OIL LEAK", "oil is leaking from the engine", "passenger seat cover torn"),
    ("HYDRAULIC PUMP FAILED", "failure of the hydraulic pump", "cabin light flickers"),
    ("TIRE WORN TO LIMIT", "tyre wear beyond limits", "weather radar shows no picture"),
)
_OTHER_SCRIPTS = ("Öldruck zu niedrig", "燃油泵故障", "утечка масла", "✈️ 🛠️", "a\u0301e\u0301", "\u200f\u202e")


class Model(Protocol):
    """What is validated: a loaded MLflow model, or anything that predicts like one."""

    def predict(self, data: pd.DataFrame) -> list[list[float]]:
        """Return one vector for each row of the column `text`."""


class Check(NamedTuple):
    """One finding about a model: what was looked at, whether it holds, the figure measured and the bound."""

    name: str
    passed: bool
    figure: float
    wanted: str


def log_model(tracking_uri: str | None, experiment: str, artifacts: Path | None = None) -> str:
    """Log the embedder with its weights as a model of `experiment` and return its MLflow URI.

    `tracking_uri` None keeps the tracking server of the environment. `artifacts` is where a new experiment of
    a store without a server keeps its files; else MLflow decides. Raises ModelError when the weights, a
    needed library or the tracking server cannot be had.
    """
    folder = minilm_folder()
    mlflow = _mlflow()
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
                artifacts={"minilm": str(folder)},
                signature=_signature(),
                input_example=_frame(_EXAMPLE),
                pip_requirements=_pinned(),
                metadata={"fingerprint": fingerprint(), "weights_sha256": WEIGHTS_SHA256},
            )
    except mlflow.exceptions.MlflowException as fault:
        raise ModelError(f"logging to the experiment {experiment} failed: {_first_line(fault)}") from fault
    uri: str = logged.model_uri
    return uri


def has_server() -> bool:
    """Tell whether the environment names an MLflow store, as Databricks does; else MLflow would make one here."""
    mlflow = _mlflow()
    return bool(mlflow.is_tracking_uri_set() or str(mlflow.get_tracking_uri()).startswith("databricks"))


def load(model_uri: str) -> Model:
    """Load a logged model the way a server does, with its own code and weights."""
    mlflow = _mlflow()
    try:
        model: Model = mlflow.pyfunc.load_model(model_uri)
    except mlflow.exceptions.MlflowException as fault:
        raise ModelError(f"the model {model_uri} cannot be loaded: {_first_line(fault)}") from fault
    return model


def register(model_uri: str, name: str) -> str:
    """Register a logged model under `name` and return its version, which gets the alias `champion`.

    In Unity Catalog `name` has three parts, and its catalog and schema must exist.
    """
    mlflow = _mlflow()
    try:
        version = mlflow.register_model(model_uri, name).version
        mlflow.MlflowClient().set_registered_model_alias(name, ALIAS, version)
    except mlflow.exceptions.MlflowException as fault:
        raise ModelError(
            f"registering {name} failed: {_first_line(fault)}; in Unity Catalog its catalog and schema must "
            "exist, and you need CREATE MODEL on the schema"
        ) from fault
    return str(version)


def fingerprint() -> str:
    """Return a digest of what a logged model is made of: its code, weights and pinned libraries."""
    parts = [_served_file().read_text(encoding="utf-8"), WEIGHTS_SHA256, *_pinned()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def validate(model: Model) -> list[Check]:
    """Return what was found about function, meaning and edge cases of a model; every check must pass."""
    texts = [text for meaning in _MEANINGS for text in meaning]
    together = _vectors(model, texts)
    if together.shape != (len(texts), DIMENSION):
        return [Check("shape", passed=False, figure=together.shape[-1], wanted=f"= {DIMENSION} floats a text")]
    beginning = " ".join(f"{text} on flight {number}." for number, text in enumerate(texts * 10))
    long_pair = _vectors(model, [beginning, beginning * 10])
    return [
        Check("shape", passed=True, figure=DIMENSION, wanted=f"= {DIMENSION} floats a text"),
        _at_most("unit norm", _norm_error(together), 1e-5),
        _at_least("other words are nearer than other things, by", _meaning_margin(together), 0.2),
        _at_most("empty text: unit norm", _norm_error(_vectors(model, [""])), 1e-5),
        _at_least("very long text: cosine with its beginning", float(long_pair[0] @ long_pair[1]), 0.9999),
        _at_most("other scripts: unit norm", _norm_error(_vectors(model, _OTHER_SCRIPTS)), 1e-5),
        _at_most("in a batch as alone", _batch_difference(model, texts, together), 1e-5),
    ]


def require(checks: list[Check]) -> None:
    """Raise ModelError that names every failed check; nothing happens when all passed."""
    failed = [f"{check.name} is {check.figure:.3g}, wanted {check.wanted}" for check in checks if not check.passed]
    if failed:
        raise ModelError(f"the model failed its validation and was not registered: {'; '.join(failed)}")


def _at_most(name: str, figure: float, bound: float) -> Check:
    return Check(name, figure <= bound, figure, f"≤ {bound:g}")


def _at_least(name: str, figure: float, bound: float) -> Check:
    return Check(name, figure >= bound, figure, f"≥ {bound:g}")


def _norm_error(vectors: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(abs((vectors**2).sum(axis=1) ** 0.5 - 1).max())


def _meaning_margin(vectors: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    reason, same, other = vectors[0::3], vectors[1::3], vectors[2::3]
    return float(((reason * same).sum(axis=1) - (reason * other).sum(axis=1)).min())


def _batch_difference(model: Model, texts: Sequence[str], together: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return max(float(abs(_vectors(model, [text])[0] - row).max()) for text, row in zip(texts, together, strict=True))


def _vectors(model: Model, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    import numpy as np

    return np.asarray(model.predict(_frame(texts)), dtype=np.float64)


def _frame(texts: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"text": list(texts)})


def _signature() -> Any:
    """One named column in, so that `ai_query` and REST callers say `text`; a list of doubles a row out."""
    models = importlib.import_module("mlflow.models")
    types = importlib.import_module("mlflow.types")
    schema = importlib.import_module("mlflow.types.schema")
    return models.ModelSignature(
        inputs=types.Schema([types.ColSpec("string", "text")]),
        outputs=types.Schema([types.ColSpec(schema.Array(types.DataType.double))]),
    )


def _served_file() -> Path:
    found = importlib.util.find_spec(_SERVED_MODULE)
    if found is None or found.origin is None:
        raise ModelError(f"the file of {_SERVED_MODULE} is missing: install delta-neo4j again")
    return Path(found.origin)


def _pinned() -> list[str]:
    try:
        # The local part of a version (+cpu) names a build that no package index a server uses has.
        return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in _REQUIREMENTS]
    except metadata.PackageNotFoundError as missing:
        raise ModelError(f"{missing.name} is not installed: pip install 'delta-neo4j[model]'") from None


def _mlflow() -> Any:
    try:
        return importlib.import_module("mlflow")
    except ModuleNotFoundError:
        raise ModelError("mlflow is not installed: pip install 'delta-neo4j[model]'") from None


def _first_line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0][:300]
