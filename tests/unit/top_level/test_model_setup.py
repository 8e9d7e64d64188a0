from __future__ import annotations

import functools
import runpy
import shutil
import subprocess
import sys

import pytest

import model_setup
from delta_neo4j.embedding.minilm import checks, endpoint, probe, registry
from delta_neo4j.embedding.minilm.weights import ModelError
from delta_neo4j.errors import SettingsError
from tests.support.endpoint import vector_of
from tests.support.places import ROOT
from tests.support.workspace import serving


class Model:
    """A model with vectors of its own."""

    def predict(self, data):
        """Return the vector of each text of the frame."""
        return [vector_of(text).tolist() for text in data["text"]]


@pytest.fixture
def workspace(monkeypatch):
    """Replace MLflow's server, without a Databricks login; return the list of registrations."""
    registered = []

    def no_login():
        raise SettingsError("no Databricks login found")

    monkeypatch.setattr(registry, "has_server", lambda: True)
    monkeypatch.setattr(registry, "log_model", lambda *_, engine: registry.Logged("models:/m-1", engine, None))
    monkeypatch.setattr(registry, "load", lambda _: Model())
    monkeypatch.setattr(checks, "validate", lambda _: [checks.Check("shape", True, 384, "= 384")])
    monkeypatch.setattr(registry, "register", lambda uri, name: registered.append((uri, name)) or "2")
    monkeypatch.setattr(model_setup, "databricks_login", no_login)
    monkeypatch.setattr(probe, "active_session", lambda: None)
    monkeypatch.setattr(endpoint, "Watch", functools.partial(endpoint.Watch, wait=lambda _: None))
    return registered


@pytest.fixture
def databricks(workspace, monkeypatch):
    """A stand-in for the Databricks workspace that is logged in to."""
    with serving() as stand_in:
        stand_in.predict = lambda texts: [vector_of(text).tolist() for text in texts]
        monkeypatch.setattr(model_setup, "databricks_login", lambda: (stand_in.host, stand_in.headers))
        yield stand_in


def _run(folder, *arguments):
    """Run Python in a folder that has model_setup.py and not the package, without installed packages."""
    shutil.copy(ROOT / "model_setup.py", folder)
    return subprocess.run([sys.executable, "-ES", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_without_the_package_the_script_says_what_is_missing(tmp_path):
    """Without the package, the file prints one line with what to install or upload."""
    done = _run(tmp_path, "model_setup.py")
    assert done.returncode != 0
    assert done.stderr.startswith("model_setup.py needs delta_neo4j: `%pip install")
    assert "upload the folder delta_neo4j" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_package_the_import_says_what_is_missing(tmp_path):
    """Imported without the package, as in a notebook, the last line is the same."""
    done = _run(tmp_path, "-c", "from model_setup import main")
    assert done.stderr.splitlines()[-1].startswith("ImportError: model_setup.py needs delta_neo4j: `%pip install")


def test_main_registers_and_says_how_to_make_the_endpoint(workspace, capsys):
    """By default the model is registered, and the steps to an endpoint are printed with its version."""
    outcome = model_setup.main()
    assert outcome.version == "2"
    assert workspace == [("models:/m-1", "airline_test.ml.minilm_l6_v2_embedder")]
    said = capsys.readouterr().out
    assert "The endpoint was not tested: no Databricks login found" in said
    assert "Custom model: airline_test.ml.minilm_l6_v2_embedder, version 2" in said
    assert "Name: minilm-embedder" in said


def test_without_registration_nothing_is_registered(workspace, capsys):
    """`main(register_model=False, test_endpoint=False)` logs and validates, and no more."""
    outcome = model_setup.main(register_model=False, test_endpoint=False)
    assert (outcome.version, workspace) == (None, [])
    assert "endpoint" not in capsys.readouterr().out


def test_without_the_endpoint_nothing_is_said_of_it(workspace, capsys):
    """`main(test_endpoint=False)` registers and asks nothing of an endpoint that is not there yet."""
    assert model_setup.main(test_endpoint=False).version == "2"
    assert "endpoint" not in capsys.readouterr().out


def test_a_model_that_fails_its_validation_is_not_registered(workspace, monkeypatch):
    """A failed check stops before registration and is named with its figure."""
    monkeypatch.setattr(checks, "validate", lambda _: [checks.Check("unit norm", False, 0.5, "≤ 1e-05")])
    with pytest.raises(ModelError, match=r"unit norm is 0\.5, wanted ≤ 1e-05"):
        model_setup.main()
    assert workspace == []


def test_without_a_server_it_says_what_to_do(workspace, monkeypatch):
    """Outside Databricks, without a server configured, nothing is written and the ways on are named."""
    monkeypatch.setattr(registry, "has_server", lambda: False)
    with pytest.raises(ModelError, match="run this in Databricks, set MLFLOW_TRACKING_URI, or use --local"):
        model_setup.main()
    assert workspace == []


def test_an_endpoint_is_made_on_request_and_probed(databricks, capsys):
    """`create_endpoint=True` creates it, waits with progress, and compares its vectors with the model's."""
    model_setup.main(create_endpoint=True)
    assert databricks.changes()[0] == ("POST", "/api/2.0/serving-endpoints")
    said = capsys.readouterr().out
    assert "0 min: NOT_READY, IN_PROGRESS Served entity container image is being built" in said
    assert "The endpoint minilm-embedder is ready with version 2" in said
    assert "answers over REST with the model's vectors: worst cosine 1.000000" in said
    assert "ai_query was not tested: there is no Spark session here" in said
    assert "a-token-for-tests" not in said


def test_by_default_nothing_that_costs_is_made(databricks, capsys):
    """Without the request nothing is created; the steps are printed."""
    model_setup.main()
    assert databricks.changes() == []
    assert "there is none yet.\nmain(create_endpoint=True), or --create-endpoint, creates it" in capsys.readouterr().out


def test_an_endpoint_with_an_older_version_is_probed_and_named(databricks, capsys):
    """An existing endpoint is probed, and a line names its version if it is not the new one."""
    databricks.serve("minilm-embedder", model_setup.MODEL_NAME, "1")
    model_setup.main()
    said = capsys.readouterr().out
    assert "minilm-embedder serves version 1, not 2: main(create_endpoint=True) updates it" in said
    assert "worst cosine 1.000000" in said


def test_an_endpoint_with_other_vectors_is_refused(databricks):
    """An endpoint whose vectors are another model's fails the test with the cosine."""
    databricks.serve("minilm-embedder", model_setup.MODEL_NAME, "2")
    databricks.predict = lambda texts: [vector_of(f"other {text}").tolist() for text in texts]
    with pytest.raises(ModelError, match=r"minilm-embedder serves another model: worst cosine -?0\.\d+, wanted"):
        model_setup.main(register_model=False)


def test_an_endpoint_that_still_builds_is_not_asked(databricks, capsys):
    """An endpoint that is not ready is named as such, without waiting for it."""
    databricks.serve("minilm-embedder", model_setup.MODEL_NAME, "2", looks=99)
    model_setup.main()
    assert "minilm-embedder is not ready yet" in capsys.readouterr().out


def test_an_endpoint_is_not_made_without_a_login(workspace):
    """Without a login the request for an endpoint stops before anything is logged."""
    with pytest.raises(SettingsError, match="no Databricks login found"):
        model_setup.main(create_endpoint=True)
    assert workspace == []


def test_the_registered_version_is_served_when_nothing_new_is_registered(databricks, monkeypatch):
    """`main(register_model=False, create_endpoint=True)` serves the version with the alias."""
    monkeypatch.setattr(registry, "registered_version", lambda _: "1")
    model_setup.main(register_model=False, create_endpoint=True)
    assert databricks.endpoints["minilm-embedder"]["config"][0]["entity_version"] == "1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"create_endpoint": True, "local": True}, "a local store has no endpoint", id="local endpoint"),
        pytest.param(
            {"engine": "openvino", "workload_type": "GPU_SMALL"},
            "computes on the CPU",
            id="machine that OpenVINO cannot use",
            marks=pytest.mark.needs_model,
        ),
        pytest.param({"engine": "tensorflow"}, "choose torch or openvino", id="unknown engine"),
    ],
)
def test_wishes_that_make_no_sense_are_refused_first(workspace, options, words):
    """Options that cannot work are refused before the model is logged."""
    with pytest.raises(ModelError, match=words):
        model_setup.main(**options)
    assert workspace == []


def test_the_command_line_says_in_one_line_what_is_missing(monkeypatch, capsys):
    """Run as a script: a refusal is one line and exit code 2."""
    monkeypatch.setattr(registry, "has_server", lambda: False)
    monkeypatch.setattr(sys, "argv", ["model_setup.py", "--engine", "torch"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "model_setup.py"), run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: no MLflow server is configured: ")
