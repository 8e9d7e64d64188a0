"""The model in the MLflow store of this folder: registered once for each state of its code and libraries."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from delta_neo4j.embedding.minilm import engines, registry
from delta_neo4j.errors import LoaderError
from dev.processes import StackError

if TYPE_CHECKING:
    from pathlib import Path

# Against torch, measured over HTTP on two cores: 3.6 times the texts a second, half the memory, a third of the start.
_ENGINE = engines.OPENVINO


def tracking_uri(root: Path) -> str:
    """Return the address of the MLflow store that `python model_setup.py --local` fills if it runs in `root`."""
    return f"sqlite:///{root / '.local' / 'mlflow' / 'mlflow.db'}"


def ensure_registered(root: Path) -> bool:
    """Log, validate and register the model, unless the present one is registered; return whether that was done now.

    It runs in a process of its own, which leaves torch and MLflow behind when it ends.
    """
    store = root / ".local" / "mlflow"
    done = store / "registered"
    try:
        present = registry.fingerprint(_ENGINE)
    except LoaderError as error:
        raise StackError(str(error)) from error
    if done.exists() and done.read_text() == present:
        return False
    store.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    # Keep the compiled Python files: the server starts right after and uses them; without them both take twice as long.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    log = store / "setup.log"
    with log.open("wb") as console:
        ended = subprocess.run(
            [sys.executable, "model_setup.py", "--local", "--engine", _ENGINE],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        last = log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise StackError(f"setting up the model failed, see {log}: {last.removeprefix('error: ')}")
    done.write_text(present)
    return True
