"""The engine of the logged model: torch, or OpenVINO if its vectors equal torch's."""

from __future__ import annotations

import importlib
import shutil
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from delta_neo4j.embedding.base import SAME_MODEL
from delta_neo4j.embedding.minilm.checks import VALIDATION_TEXTS
from delta_neo4j.embedding.minilm.weights import ModelError, minilm_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

TORCH: Final = "torch"
OPENVINO: Final = "openvino"
# The libraries that a server installs with the model. An OpenVINO server needs no torch.
REQUIREMENTS: Final = {
    TORCH: ("mlflow", "sentence-transformers", "transformers", "tokenizers", "torch", "numpy", "pandas"),
    OPENVINO: ("mlflow", "openvino", "tokenizers", "numpy", "pandas"),
}


class Prepared(NamedTuple):
    """The chosen engine: its name, the folder it loads from, and the reason if there was a choice."""

    name: str
    folder: Path
    reason: str | None = None


def require_known(engine: str) -> None:
    """Raise ModelError for an engine that does not exist or is not installed."""
    if engine not in REQUIREMENTS:
        raise ModelError(f"engine {engine!r} is not known: choose {TORCH} or {OPENVINO}")
    if engine == OPENVINO and importlib.util.find_spec("openvino") is None:
        raise ModelError("openvino is not installed: pip install 'delta-neo4j[openvino]', or choose --engine torch")


@contextmanager
def prepared(engine: str) -> Iterator[Prepared]:
    """Yield the engine to log; its folder exists until the block ends.

    OpenVINO is taken only if, on this machine, its vector of every validation text has a cosine of at least 0.9999
    with torch's; else torch is taken. Raises ModelError as `require_known` does.
    """
    require_known(engine)
    weights = minilm_folder()
    if engine == TORCH:
        yield Prepared(TORCH, weights)
        return
    with TemporaryDirectory() as folder:
        graph = Path(folder) / OPENVINO
        export(weights, graph)
        worst = worst_cosine(weights, graph)
        if worst >= SAME_MODEL:
            yield Prepared(OPENVINO, graph, f"OpenVINO is taken: its worst cosine with torch is {worst:.6f}")
        else:
            reason = f"OpenVINO is refused, torch is taken: worst cosine {worst:.6f}, wanted ≥ {SAME_MODEL}"
            yield Prepared(TORCH, weights, reason)


def export(weights: Path, folder: Path) -> None:
    """Write MiniLM as an OpenVINO graph, from token ids and mask to unit vectors, with its tokenizer."""
    folder.mkdir(parents=True)
    served = importlib.import_module("delta_neo4j.embedding.minilm.served")
    openvino = _openvino()
    openvino.save_model(_graph(weights, openvino), folder / served.GRAPH, compress_to_fp16=False)
    shutil.copyfile(weights / "tokenizer.json", folder / "tokenizer.json")


def worst_cosine(weights: Path, graph: Path) -> float:
    """Return the smallest cosine, over the validation texts, of OpenVINO's vectors with torch's."""
    served = importlib.import_module("delta_neo4j.embedding.minilm.served")
    texts = list(VALIDATION_TEXTS)
    ours, torchs = served.OpenVinoEncoder(graph).encode(texts), served.TorchEncoder(weights).encode(texts)
    return float((ours * torchs).sum(axis=1).min())


def _graph(weights: Path, openvino: Any) -> Any:
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    bert = transformers.AutoModel.from_pretrained(weights, local_files_only=True, attn_implementation="eager").eval()

    class Embedding(torch.nn.Module):  # type: ignore[misc, name-defined]  # loaded only here
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    # Two texts of unequal length: a mask of ones alone would be traced away.
    example = {"input_ids": torch.ones((2, 9), dtype=torch.int64), "attention_mask": torch.ones(2, 9).long()}
    example["attention_mask"][1, 5:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of branches that this model never takes
        return openvino.convert_model(Embedding(), example_input=example)


def _openvino() -> Any:
    # The import of OpenVINO sends usage data to its maker, unless the telemetry package is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")
