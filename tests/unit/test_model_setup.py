from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import model_setup
from delta_neo4j.model import registry
from delta_neo4j.model.weights import ModelError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(monkeypatch):
    """Stand in for an MLflow server; give the list of what was registered there."""
    registered = []
    monkeypatch.setattr(registry, "has_server", lambda: True)
    monkeypatch.setattr(registry, "log_model", lambda *_: "models:/m-1")
    monkeypatch.setattr(registry, "load", lambda uri: uri)
    monkeypatch.setattr(registry, "validate", lambda _: [registry.Check("shape", True, 384, "= 384")])
    monkeypatch.setattr(registry, "register", lambda uri, name: registered.append((uri, name)) or "7")
    return registered


def _run(folder, *arguments):
    """Run Python in a folder that has model_setup.py and not the package, without installed packages."""
    shutil.copy(ROOT / "model_setup.py", folder)
    return subprocess.run([sys.executable, "-S", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_without_the_package_the_script_says_what_is_missing(tmp_path):
    """Run without the package beside it, the file says in one line what to install or upload."""
    done = _run(tmp_path, "model_setup.py")
    assert done.returncode != 0
    assert done.stderr.startswith("model_setup.py needs delta_neo4j: `%pip install")
    assert "upload the folder delta_neo4j" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_package_the_import_says_what_is_missing(tmp_path):
    """Imported without the package, as in a notebook, the last line says the same."""
    done = _run(tmp_path, "-c", "from model_setup import main")
    assert done.stderr.splitlines()[-1].startswith("ImportError: model_setup.py needs delta_neo4j: `%pip install")


def test_main_registers_and_says_how_to_make_the_endpoint(workspace, capsys):
    """By default the model is registered, and the steps to an endpoint are printed with its version."""
    outcome = model_setup.main()
    assert outcome.version == "7"
    assert workspace == [("models:/m-1", "airline_test.ml.minilm_l6_v2_embedder")]
    said = capsys.readouterr().out
    assert "The endpoint was not tested" in said
    assert "Custom model: airline_test.ml.minilm_l6_v2_embedder, version 7" in said
    assert "Name: minilm-embedder" in said


def test_without_registration_nothing_is_registered(workspace, capsys):
    """`main(register_model=False, test_endpoint=False)` logs and validates, and no more."""
    outcome = model_setup.main(register_model=False, test_endpoint=False)
    assert (outcome.version, workspace) == (None, [])
    assert "endpoint" not in capsys.readouterr().out


def test_a_model_that_fails_its_validation_is_not_registered(workspace, monkeypatch):
    """A failed check stops before registration and is named with its figure."""
    monkeypatch.setattr(registry, "validate", lambda _: [registry.Check("unit norm", False, 0.5, "≤ 1e-05")])
    with pytest.raises(ModelError, match=r"unit norm is 0\.5, wanted ≤ 1e-05"):
        model_setup.main()
    assert workspace == []


def test_without_a_server_it_says_what_to_do(workspace, monkeypatch):
    """Outside Databricks, without a server configured, nothing is written and the ways on are named."""
    monkeypatch.setattr(registry, "has_server", lambda: False)
    with pytest.raises(ModelError, match="run this in Databricks, set MLFLOW_TRACKING_URI, or use --local"):
        model_setup.main()
    assert workspace == []
