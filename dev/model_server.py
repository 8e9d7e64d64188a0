"""The embedding model over HTTP on the loopback, served by MLflow as a Databricks endpoint serves it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

from dev.local_server import LocalServer
from dev.processes import StackError, port_taken

# A request of a thousand long texts takes minutes on two cores; by default MLflow ends a request after 60 s.
_REQUEST_SECONDS = 600
# One worker uses all cores. With torch, on two cores that other programs used too, texts a second from 1, 2 and 4
# clients (128 maintenance texts a request, medians of 7 interleaved rounds) were 156, 190, 190; of two workers with one
# thread each 153, 159, 144. So a second worker is no faster, and it takes 1.2 GB more and twice the time to start.
# An OpenVINO model divides the cores among its requests by itself; the number of threads is for torch only.
_WORKERS = 1
_THREADS = min(os.cpu_count() or 1, 4)


@dataclass(kw_only=True)
class ModelServer(LocalServer):
    """One MLflow model server.

    `model` is a folder or an MLflow URI, which `tracking_uri` resolves. `home` keeps the log.
    """

    model: str
    port: int
    home: Path
    tracking_uri: str | None = None
    workers: int = _WORKERS
    threads: int = _THREADS

    @property
    def url(self) -> str:
        """The address that takes texts, the value of EMBEDDING_URL."""
        return f"http://127.0.0.1:{self.port}/invocations"

    @property
    def title(self) -> str:
        """The server with its address."""
        return f"the model server at {self.url}"

    def check(self) -> None:
        """Raise StackError if another program uses the port."""
        if port_taken(self.port):
            raise StackError(
                f"port {self.port}, which the model server shall listen on, is taken by another program: "
                "stop that one, or choose a port with MODEL_PORT"
            )

    def start(self) -> None:
        """Start the server without waiting for it; do nothing if it runs already."""
        if self.running:
            return
        self.check()
        self._process.start(
            [
                *(sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"),
                *("--model-uri", self.model, "--host", "127.0.0.1", "--port", str(self.port)),
                *("--workers", str(self.workers), "--timeout", str(_REQUEST_SECONDS)),
            ],
            marker=self.model,
            environment=self._environment(),
            name="model server",
            port=self.port,
        )

    def _environment(self) -> dict[str, str]:
        environment = {
            **os.environ,
            # MLflow starts `uvicorn` by its name; the program is beside this Python.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "OMP_NUM_THREADS": str(self.threads),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        # Keep the compiled Python files: compiling the libraries again takes longer than the rest of a start.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if self.tracking_uri is not None:
            environment["MLFLOW_TRACKING_URI"] = self.tracking_uri
        return environment

    def _answers(self) -> bool:
        try:
            if not requests.get(self.url.replace("invocations", "ping"), timeout=5).ok:
                return False
            answer = requests.post(self.url, json={"dataframe_records": [{"text": "ready?"}]}, timeout=60)
        except requests.RequestException:
            return False  # it is still starting; whether it died, the caller looks at
        return answer.ok and "predictions" in answer.json()
