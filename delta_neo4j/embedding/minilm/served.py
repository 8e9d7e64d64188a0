"""The MiniLM embedder as a model server runs it, by torch or OpenVINO according to the form of the weights.

MLflow copies this file beside the weights and runs it there without this project, so it must not import the
project's modules.
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

GRAPH = "openvino.xml"  # in the folder of the weights if OpenVINO is the engine
_MAX_TOKENS = 256
# Texts per forward pass of torch: on a CPU the rate is flat from 32 to 128 and falls beyond (CPU cache).
_CPU_TEXTS, _GPU_TEXTS = 32, 512
# Padded tokens per forward pass of OpenVINO: the rate is flat from 700 to 3,000, and small passes share the cores
# better.
_FORWARD_TOKENS = 1_024


class MiniLmEmbedder(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined, misc]  # comes without types
    """Turns texts into unit vectors of 384 floats, one per text, in the order of the texts.

    A text longer than 256 tokens is cut there; an empty text has a vector too. A null is refused (HTTP 400) in
    `dataframe_records` and `dataframe_split`; in `inputs` MLflow turns it into the text "None".
    """

    def load_context(self, context: Any) -> None:
        """Load the weights that were logged with the model; no network is used."""
        folder = Path(context.artifacts["minilm"])
        self._encoder = OpenVinoEncoder(folder) if (folder / GRAPH).exists() else TorchEncoder(folder)
        # Requests run in threads. The first text sets the tokenizer's padding and truncation, which two threads
        # must not do at the same time (error "Already borrowed"), so it is set here.
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
        # MLflow answers any other error with 400, as if the texts were at fault.
        except (RuntimeError, MemoryError) as fault:
            raise MlflowException(f"embedding {len(texts)} texts failed: {fault}", INTERNAL_ERROR) from fault


class TorchEncoder:
    """The weights, run by sentence-transformers on a GPU if there is one."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(folder), local_files_only=True)
        self._texts = _CPU_TEXTS if self._model.device.type == "cpu" else _GPU_TEXTS

    def encode(self, texts: list[str]) -> Vectors:
        """Return a unit vector per text; sentence-transformers sorts by length and pads."""
        vectors: Vectors = self._model.encode(texts, batch_size=self._texts, show_progress_bar=False)
        return vectors


class OpenVinoEncoder:
    """The same weights as an OpenVINO graph, from tokens to unit vectors; one core computes one forward pass.

    The forward passes of all requests share one queue, so one request uses all cores and many requests share them.
    """

    def __init__(self, folder: Path) -> None:
        # The import of OpenVINO sends usage data to its maker, unless the telemetry package is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The tokenizer file pads and cuts every text to 128 tokens.
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
        """Return a unit vector per text."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        vectors: Vectors = np.empty((len(texts), self._graph.output(0).partial_shape[1].get_length()), np.float32)
        passes = _passes([len(ids) for ids in tokens])
        forward = self._pool.map(lambda members: self._forward([tokens[member] for member in members]), passes)
        for members, pass_vectors in zip(passes, forward, strict=True):
            vectors[members] = pass_vectors
        return vectors

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
    """Cut texts into forward passes of similar lengths, longest first, so that the cores end at about the same time."""
    passes: list[list[int]] = []
    for member in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        # The first text of a pass is its longest: all others are padded to it.
        if not passes or (len(passes[-1]) + 1) * lengths[passes[-1][0]] > _FORWARD_TOKENS:
            passes.append([])
        passes[-1].append(member)
    return passes


def short_numbers(vectors: Vectors) -> list[list[float]]:
    """Return the same float32 numbers with nine significant digits, enough to tell any two apart.

    Unrounded, a widened number prints 17 digits: a third more bytes, and MLflow needs a fifth more time to write them.
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
    # `inputs` arrives as numpy strings.
    return [str(text) for text in texts]


# MLflow runs this file under another module name; an import of the package must not declare a model.
if not __name__.startswith("delta_neo4j"):
    mlflow.models.set_model(MiniLmEmbedder())
