"""
Notebooks in source format, brought into a folder as a workspace does it, and run cell by cell.

What a Databricks notebook cannot do fails here too: `%run` beside other lines, of a file, or with an extension; `%pip`
beside code or after it; names that a restart of Python has taken away; an import of a notebook.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.dbutils import Dbutils, NotebookExit, PythonRestart

HEADER = "# Databricks notebook source"
SEPARATOR = "\n# COMMAND ----------\n"
MAGIC = "# MAGIC"


class NotebookError(Exception):
    """A notebook asks for what Databricks does not do."""


@dataclass(frozen=True)
class Cell:
    """One cell: `kind` is python, md, run or pip; `text` is its code, words, path or arguments."""

    kind: str
    text: str


def is_notebook(text):
    """Tell a notebook from a module: by the first line, and by nothing else."""
    return text.partition("\n")[0].rstrip() == HEADER


def parse(text):
    """Take a notebook's source apart."""
    if not is_notebook(text):
        raise NotebookError(f"a notebook begins with {HEADER!r}")
    return [_cell(part) for part in text.partition("\n")[2].split(SEPARATOR) if part.strip()]


def _cell(part):
    lines = part.strip("\n").splitlines()
    magic = [line.startswith(MAGIC) for line in lines]
    if not any(magic):
        return Cell("python", "\n".join(lines))
    if not all(magic):
        raise NotebookError(f"a magic command stands alone in its cell: {part}")
    first, *rest = [line.removeprefix(MAGIC).removeprefix(" ") for line in lines]
    command, _, argument = first.partition(" ")
    if command == "%md":
        return Cell("md", "\n".join([argument, *rest]))
    if command not in {"%run", "%pip"} or rest:
        raise NotebookError(f"one command a cell, of %md, %run and %pip: {part}")
    return Cell(command[1:], argument.strip())


def bring_in(root, names, workspace):
    """Copy files and folders as `import-dir` and Git folders do: a notebook loses its extension."""
    for top in names:
        inside = sorted((root / top).rglob("*")) if (root / top).is_dir() else [root / top]
        for path in inside:
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            target = workspace / path.relative_to(root)
            if path.suffix == ".py" and is_notebook(path.read_text()):
                target = target.with_suffix("")
            if target.exists():
                raise NotebookError(f"Node named {target.name!r} already exists")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


class Session:
    """A notebook attached to compute: one namespace, its widgets, and what was shown, printed aside."""

    def __init__(self, spark, scopes, **widgets):
        self.dbutils = Dbutils(scopes, widgets)
        self.shown = []
        self.pip = []
        self.exit = None
        self._given = {"spark": spark, "dbutils": self.dbutils, "display": self._display, "__name__": "__main__"}
        self.namespace = dict(self._given)
        self._ran_code = False

    def run(self, notebook):
        """Run every cell in its order, in the notebook's folder; give what it exits with."""
        folder, path = Path.cwd(), list(sys.path)
        os.chdir(Path(notebook).parent)
        sys.path.insert(0, str(Path(notebook).parent))
        self._path = list(sys.path)
        try:
            self._run(Path(notebook))
        except NotebookExit as end:
            self.exit = end.args[0]
        finally:
            os.chdir(folder)
            sys.path[:] = path
        assert self.dbutils.widgets.unused == []
        return self.exit

    def _run(self, notebook):
        if not notebook.is_file() or not is_notebook(notebook.read_text()):
            raise NotebookError(
                f"Notebook not found: {notebook}. Notebooks can be specified via a relative path (./Notebook or "
                "../folder/Notebook) or via an absolute path (/Abs/Path/to/Notebook)."
            )
        for number, cell in enumerate(parse(notebook.read_text()), 1):
            if cell.kind == "run":
                self._run(notebook.parent / cell.text)
            elif cell.kind == "pip":
                if self._ran_code:
                    raise NotebookError("%pip comes before any code, which may have loaded what it replaces")
                self.pip.append(cell.text)
            elif cell.kind == "python":
                self._execute(cell.text, f"{notebook.name}, cell {number}")

    def _execute(self, code, name):
        self._ran_code = True
        try:
            exec(compile(code, name, "exec"), self.namespace)  # noqa: S102  # a cell is code
        except PythonRestart:
            self._restart()

    def _restart(self):
        self.namespace.clear()
        self.namespace.update(self._given)
        self._ran_code = False
        sys.path[:] = self._path

    def _display(self, *things):
        for thing in things:
            self.shown.append(_displayable(thing))


def _displayable(thing):
    """Refuse what a Databricks notebook cannot show as a table or a picture."""
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure
    from pyspark.sql import DataFrame

    if isinstance(thing, pd.DataFrame):
        if thing.columns.empty:
            raise ValueError("can not infer schema from empty dataset")
        pa.Table.from_pandas(thing)
    elif isinstance(thing, DataFrame):
        return thing.toPandas()
    elif not isinstance(thing, Figure):
        raise NotebookError(f"display shows no {type(thing).__name__}")
    return thing
