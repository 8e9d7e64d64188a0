"""The MiniLM embedder as a model server runs it.

MLflow copies this one file beside the weights and runs it there, without this project installed: it may
import nothing of it.
"""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd  # noqa: TC002 - MLflow reads the type of `model_input` when it loads the model
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

# Texts a forward pass: on a CPU the rate is flat from 32 to 128 and falls beyond, out of the cache.
_FORWARD_TEXTS = 32


class MiniLmEmbedder(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined, misc]  # comes without types
    """Turns texts into unit vectors of 384 floats, one a text, in the order of the texts.

    A text beyond 256 tokens is cut there, an empty one has a vector too. A null is refused (HTTP
    400), but only in `dataframe_records` and `dataframe_split`: of `inputs` MLflow makes it the text "None".
    """

    def load_context(self, context: Any) -> None:
        """Load the weights that travelled with the model; no network is used."""
        from sentence_transformers import SentenceTransformer

        self._encoder = SentenceTransformer(context.artifacts["minilm"], local_files_only=True)
        # Requests run in threads. The first text sets the tokenizer's padding and cutting, which two threads
        # must not do at once ("Already borrowed"); later ones find it set.
        self._encode(["warm"])

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> list[list[float]]:
        """Return the vectors of a frame's column `text` (or its only column), or of a plain list of texts."""
        texts = _texts(model_input)
        try:
            return self._encode(texts)
        # MLflow answers 400 to whatever else is raised, as if the texts were at fault.
        except (RuntimeError, MemoryError) as fault:
            raise MlflowException(f"embedding {len(texts)} texts failed: {fault}", INTERNAL_ERROR) from fault

    def _encode(self, texts: list[str]) -> list[list[float]]:
        if not texts:
            return []
        # It sorts by length inside, and its last step makes unit vectors.
        vectors = self._encoder.encode(texts, batch_size=_FORWARD_TEXTS, show_progress_bar=False)
        listed: list[list[float]] = vectors.tolist()
        return listed


def _texts(model_input: Any) -> list[str]:
    if hasattr(model_input, "columns"):
        names = list(model_input.columns)
        if "text" not in names and len(names) != 1:
            raise MlflowException(
                f"the input needs a column `text` or a single column, not {names}", INVALID_PARAMETER_VALUE
            )
        model_input = model_input["text" if "text" in names else names[0]]
    texts = list(model_input)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise MlflowException(
                f"text number {position} is no string but {type(text).__name__}: leave rows without text out",
                INVALID_PARAMETER_VALUE,
            )
    # Plain strings: `inputs` arrives as numpy's.
    return [str(text) for text in texts]


# MLflow runs this file under a name of its own making; an import of the package must not declare a model.
if not __name__.startswith("delta_neo4j"):
    mlflow.models.set_model(MiniLmEmbedder())
