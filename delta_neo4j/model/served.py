"""The MiniLM embedder as a model server runs it, by torch or by OpenVINO, whichever form of the weights came along.

MLflow copies this one file beside the weights and runs it there, without this project installed: it may
import nothing of it.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd  # noqa: TC002 - MLflow reads the type of `model_input` when it loads the model
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]  # a row a text

GRAPH = "openvino.xml"  # lies in the folder of the weights where OpenVINO computes

_MAX_TOKENS = 256
# Texts a forward pass of torch: on a CPU the rate is flat from 32 to 128 and falls beyond, out of the cache.
_CPU_TEXTS, _GPU_TEXTS = 32, 512
# Padded tokens a forward pass of OpenVINO: from 700 to 3,000 the rate is the same, and small passes share out better.
_FORWARD_TOKENS = 1_024


class MiniLmEmbedder(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined, misc]  # comes without types
    """Turns texts into unit vectors of 384 floats, one a text, in the order of the texts.

    A text beyond 256 tokens is cut there, an empty one has a vector too. A null is refused (HTTP
    400), but only in `dataframe_records` and `dataframe_split`: of `inputs` MLflow makes it the text "None".
    """

    def load_context(self, context: Any) -> None:
        """Load the weights that travelled with the model; no network is used."""
        folder = Path(context.artifacts["minilm"])
        self._encoder = OpenVinoEncoder(folder) if (folder / GRAPH).exists() else TorchEncoder(folder)
        # Requests run in threads. The first text sets the tokenizer's padding and cutting, which two threads
        # must not do at once ("Already borrowed"); later ones find it set.
        self._encoder.encode(["warm"])

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> list[list[float]]:
        """Return the vectors of a frame's column `text` (or its only column), or of a plain list of texts."""
        texts = _texts(model_input)
        if not texts:
            return []
        try:
            return short_numbers(self._encoder.encode(texts))
        # MLflow answers 400 to whatever else is raised, as if the texts were at fault.
        except (RuntimeError, MemoryError) as fault:
            raise MlflowException(f"embedding {len(texts)} texts failed: {fault}", INTERNAL_ERROR) from fault


class TorchEncoder:
    """The weights as sentence-transformers runs them, on a GPU where there is one."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(folder), local_files_only=True)
        self._texts = _CPU_TEXTS if self._model.device.type == "cpu" else _GPU_TEXTS

    def encode(self, texts: list[str]) -> Vectors:
        """Return a unit vector a text; sorting by length and padding to the longest happen inside."""
        found: Vectors = self._model.encode(texts, batch_size=self._texts, show_progress_bar=False)
        return found


class OpenVinoEncoder:
    """The same weights as an OpenVINO graph, tokens in and unit vectors out; one core computes one forward pass.

    Forward passes of all requests queue for the cores, so one request uses them all and many share them.
    """

    def __init__(self, folder: Path) -> None:
        # Its import sends usage data to its maker, unless the part that does so is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # As shipped it pads and cuts every text to 128.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        core = openvino.Core()
        bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"}
        self._graph = core.compile_model(folder / GRAPH, "CPU", options)
        self._own = threading.local()  # an infer request serves one thread at a time
        cores = self._graph.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="forward")

    def encode(self, texts: list[str]) -> Vectors:
        """Return a unit vector a text."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        found: Vectors = np.empty((len(texts), self._graph.output(0).partial_shape[1].get_length()), np.float32)
        passes = _passes([len(ids) for ids in tokens])
        forward = self._pool.map(lambda members: self._forward([tokens[member] for member in members]), passes)
        for members, vectors in zip(passes, forward, strict=True):
            found[members] = vectors
        return found

    def _forward(self, tokens: list[list[int]]) -> Vectors:
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._graph.create_infer_request()
        lengths = np.array([len(ids) for ids in tokens])
        padded = np.zeros((len(tokens), lengths.max()), np.int64)
        for row, ids in zip(padded, tokens, strict=True):
            row[: len(ids)] = ids
        mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        request.infer({"input_ids": padded, "attention_mask": mask})
        vectors: Vectors = request.get_output_tensor(0).data.copy()
        return vectors


def _passes(lengths: list[int]) -> list[list[int]]:
    """Cut texts into forward passes of similar lengths; the longest go first, that no core ends late."""
    passes: list[list[int]] = []
    for member in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        # The first of a pass is its longest: all are padded to it.
        if not passes or (len(passes[-1]) + 1) * lengths[passes[-1][0]] > _FORWARD_TOKENS:
            passes.append([])
        passes[-1].append(member)
    return passes


def short_numbers(vectors: Vectors) -> list[list[float]]:
    """Return the same float32 numbers with nine significant digits, which is what tells one from another.

    Widened as they are they print with 17: a third more bytes, and a fifth more of MLflow's time to write them.
    """
    wide = vectors.astype(np.float64)
    with np.errstate(divide="ignore"):
        scale = 10.0 ** np.clip(8 - np.floor(np.log10(np.abs(wide))), 0, 22)
    short = np.round(wide * scale) / scale
    listed: list[list[float]] = np.where(short.astype(np.float32) == vectors, short, wide).tolist()
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
