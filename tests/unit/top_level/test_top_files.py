"""The files that people upload: what they say where the package, or one of its libraries, is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.places import ROOT

FILES = ["load_utils", "neo4j_connection", "removals_spark_loader"]  # test_model_setup.py has the fourth


def _import(folder, module):
    # Without `site` there are no installed packages: neither this project nor what it stands on.
    command = [sys.executable, "-S", "-c", f"import {module}"]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", FILES)
def test_a_file_uploaded_alone_names_what_is_missing(module, tmp_path):
    """One line: the package, and the two ways to have it."""
    shutil.copy(ROOT / f"{module}.py", tmp_path)
    done = _import(tmp_path, module)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "delta_neo4j is missing: %pip install delta-neo4j, or put the delta_neo4j folder beside this file"
    ]


@pytest.mark.parametrize("module", ["load_utils", "neo4j_connection"])
def test_a_missing_library_is_named(module, tmp_path):
    """The package's folder is there and a library is not: the line names the library."""
    shutil.copy(ROOT / f"{module}.py", tmp_path)
    shutil.copytree(ROOT / "delta_neo4j", tmp_path / "delta_neo4j")
    done = _import(tmp_path, module)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.split()[0] in {"neo4j", "dotenv", "pydantic"}
    assert "is missing: %pip install delta-neo4j" in line
