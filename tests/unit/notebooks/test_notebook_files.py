"""The notebooks as files, and the quick start's lines that meet them; the integration tests run them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.dbutils import Dbutils
from tests.support.notebook import NotebookError, Session, bring_in, is_notebook, parse
from tests.support.places import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
MODULES = [
    *ROOT.glob("*.py"),
    *(path for folder in ("delta_neo4j", "dev", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")),
]
FILES = ["load_utils.py", "model_setup.py", "neo4j_connection.py", "removals_spark_loader.py"]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _notebook(folder, name, *cells):
    """Write a notebook as it stands in a workspace."""
    path = folder / name
    path.write_text("\n\n# COMMAND ----------\n\n".join(["# Databricks notebook source", *cells]) + "\n")
    return path


# --- as files -----------------------------------------------------------------------------------------------------


def test_all_notebooks_are_there():
    """Issue and docs name these."""
    assert [path.stem for path in NOTEBOOKS] == [
        "01_connect", "02_load", "03_search", "04_load_test", "_setup", "model_setup"
    ]  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_in_source_format_and_its_cells_compile(path):
    """The header is the first line, words come first, magic stands alone, and each cell of Python is Python."""
    cells = parse(path.read_text())
    assert cells[0].kind == "md"
    for cell in cells:
        if cell.kind == "python":
            compile(cell.text, path.name, "exec")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_widgets_that_it_reads(path):
    """No widget is read that is not declared, none is declared that is not read, none outside a name of its own."""
    calls = {"get": [], "text": [], "dropdown": []}
    for cell in parse(path.read_text()):
        for node in ast.walk(ast.parse(cell.text)) if cell.kind == "python" else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"dbutils.widgets.{name}" for name in calls}:
                calls[node.func.attr].append(node.args[0].value)
    assert sorted(calls["get"]) == sorted([*calls["text"], *calls["dropdown"]])


def test_no_module_is_a_notebook():
    """A module with the header would lose its extension in a workspace, and could not be imported any more."""
    assert [path for path in MODULES if is_notebook(path.read_text())] == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("_setup", EXTRAS["dependencies"]),
        ("model_setup", [*EXTRAS["optional-dependencies"]["model"], *EXTRAS["optional-dependencies"]["weights"]]),
    ],
)
def test_pip_installs_what_the_package_asks_for(name, wanted):
    """The first %pip of the notebook names the requirements of pyproject.toml, no others and none less."""
    (cell,) = [cell for cell in parse((ROOT / "notebooks" / f"{name}.py").read_text()) if cell.kind == "pip"]
    assert cell.text == " ".join(["install --quiet", *(f'"{requirement}"' for requirement in wanted)])


# --- the quick start's lines, in a workspace of its own ------------------------------------------------------------

PROGRAM = """
import json, sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
from tests.support.notebook import Session
session = Session(None, {})
session.run(sys.argv[1])
import delta_neo4j, model_setup
print(json.dumps([session.pip, session.namespace["main"].__module__, delta_neo4j.__file__, model_setup.__file__]))
"""


@pytest.fixture
def run_apart(tmp_path):
    """Run a notebook in a process that has neither this repository nor an installed package, only libraries."""
    apart = tmp_path / "apart" / "tests" / "support"
    apart.mkdir(parents=True)
    for name in ("notebook", "dbutils"):
        (apart / f"{name}.py").write_text((ROOT / "tests" / "support" / f"{name}.py").read_text())
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "apart"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(notebook):
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, str(notebook)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_run_model_setup_and_import_from_it_both_work(tmp_path, run_apart):
    """`%run ./model_setup` runs the notebook, `from model_setup import main` reads the file of the folder above."""
    workspace = tmp_path / "workspace"
    bring_in(ROOT, ["notebooks", "delta_neo4j", *FILES], workspace)
    mine = _notebook(
        workspace / "notebooks",
        "mine",
        "# MAGIC %run ./model_setup",
        "first = main",
        "from model_setup import main\nassert main is first",
    )
    done = run_apart(mine)
    assert done.returncode == 0, done.stderr
    pip, module, package, file = json.loads(done.stdout.splitlines()[-1])
    assert module == "model_setup"
    assert Path(package) == workspace / "delta_neo4j" / "__init__.py"
    assert Path(file) == workspace / "model_setup.py"
    assert [line.split()[2] for line in pip] == ['"mlflow>=3.1"', '"click>=8.0"']


def test_without_the_package_the_setup_says_what_to_do(tmp_path, run_apart):
    """Notebooks that were brought in alone end with one line: bring the repository, or install the wheel."""
    workspace = tmp_path / "workspace"
    bring_in(ROOT, ["notebooks"], workspace)
    done = run_apart(workspace / "notebooks" / "_setup")
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: delta_neo4j is missing: delta_neo4j is neither installed nor in a folder above this "
        "notebook; bring the whole repository into the workspace, or %pip install its wheel (docs/notebooks.md)"
    )


def test_a_notebook_and_a_file_of_one_name_do_not_fit_one_folder(tmp_path):
    """Why the notebook `model_setup` lies in a folder of its own: in one folder the two are one file in Git."""
    assert is_notebook((ROOT / "notebooks" / "model_setup.py").read_text())
    assert not is_notebook((ROOT / "model_setup.py").read_text())
    bring_in(ROOT, ["notebooks", "model_setup.py"], tmp_path)
    assert (tmp_path / "model_setup.py").is_file()
    assert not (tmp_path / "notebooks" / "model_setup.py").exists()
    assert (tmp_path / "notebooks" / "model_setup").is_file()


# --- the stand-ins refuse what a workspace refuses ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        pytest.param(["# MAGIC %run ./other.py"], "Notebook not found: .*other.py", id="%run with an extension"),
        pytest.param(["# MAGIC %run ./module"], "Notebook not found", id="%run of a file"),
        pytest.param(["# why\n# MAGIC %run ./other"], "stands alone in its cell", id="%run below a comment"),
        pytest.param(["# MAGIC %run ./other\n# MAGIC 1 + 1"], "one command a cell", id="%run beside code"),
        pytest.param(["import json", "# MAGIC %pip install x"], "before any code", id="%pip after code"),
        pytest.param(["display(1)"], "display shows no int", id="display of a number"),
    ],
)
def test_the_runner_refuses_what_databricks_refuses(tmp_path, cells, words):
    """A notebook that would fail in a workspace fails here."""
    _notebook(tmp_path, "other", "1 + 1")
    (tmp_path / "module").write_text("value = 1\n")
    (tmp_path / "other.py").write_text("value = 1\n")
    with pytest.raises(NotebookError, match=words):
        Session(None, {}).run(_notebook(tmp_path, "mine", *cells))


def test_a_restart_takes_names_away_and_leaves_widgets(tmp_path):
    """After `restartPython` nothing of the process is left: no name, no path, not the rest of its cell."""
    mine = _notebook(
        tmp_path,
        "mine",
        'import sys\nsys.path.insert(0, "/nowhere")\nvalue = 1\ndbutils.widgets.text("w", "a")',
        "dbutils.library.restartPython()\nvalue = 2",
        "import sys\ndbutils.notebook.exit(f\"{'value' in globals()} {sys.path[0]} {dbutils.widgets.get('w')}\")",
        "1 / 0",
    )
    assert Session(None, {}, w="b").run(mine) == f"False {tmp_path} b"


def test_dbutils_refuses_in_databricks_words():
    """An unknown scope, key or widget."""
    dbutils = Dbutils({"s": {"host": "h"}}, {})
    with pytest.raises(Exception, match="Secret does not exist with scope: s and key: password"):
        dbutils.secrets.get(scope="s", key="password")
    with pytest.raises(Exception, match="Scope t does not exist!"):
        dbutils.secrets.list("t")
    with pytest.raises(Exception, match="No input widget named w is defined"):
        dbutils.widgets.get("w")
