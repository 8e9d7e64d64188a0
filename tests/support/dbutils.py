"""A stand-in for Databricks' `dbutils` that refuses what the real one refuses, in its words."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace


class DatabricksError(Exception):
    """What comes over the bridge from the JVM: one class for all, the first line says what it is."""


class NotebookExit(BaseException):
    """`dbutils.notebook.exit(value)`: no cell after it runs."""


class PythonRestart(BaseException):
    """`dbutils.library.restartPython()`: nothing of the process is left, nor the rest of its cell."""


class Secrets:
    """Scopes with their keys and values."""

    def __init__(self, scopes):
        self._scopes = scopes

    def list(self, scope):
        """Give the scope's keys: objects with a `key`."""
        if scope not in self._scopes:
            raise DatabricksError(f"RESOURCE_DOES_NOT_EXIST: Scope {scope} does not exist!\n\tat com.databricks…")
        return [SimpleNamespace(key=key) for key in self._scopes[scope]]

    def get(self, scope, key):
        """Give one value."""
        if key not in self._scopes.get(scope, ()):
            raise DatabricksError(
                f"java.lang.IllegalArgumentException: Secret does not exist with scope: {scope} and key: {key}"
            )
        return self._scopes[scope][key]


class Widgets:
    """Widgets of the notebook that is run; `given` is what a job, or a person, has put in."""

    def __init__(self, given):
        self._given = given
        self._values = {}

    def text(self, name, default, label=None):
        """Declare a free text."""
        self._declare(name, default)

    def dropdown(self, name, default, choices, label=None):
        """Declare a choice; the default is one of them."""
        if default not in choices:
            raise DatabricksError(f"The default value {default} of widget {name} is not among its choices")
        self._declare(name, default)
        if self._values[name] not in choices:
            raise DatabricksError(f"{self._values[name]} is no choice of widget {name}")

    def _declare(self, name, default):
        if not isinstance(default, str):
            raise DatabricksError(f"py4j.Py4JException: Method text([class {type(default).__name__}]) does not exist")
        self._values.setdefault(name, self._given.get(name, default))

    def get(self, name):
        """Give a value, always text."""
        if name not in self._values:
            raise DatabricksError(
                f"com.databricks.dbutils_v1.InputWidgetNotDefined: No input widget named {name} is defined"
            )
        return self._values[name]

    @property
    def unused(self):
        """What was given for widgets that nobody has declared."""
        return sorted(set(self._given) - set(self._values))


class Files:
    """`dbutils.fs` over this machine's files."""

    def rm(self, path, recurse=False):
        """Remove a file or, with `recurse`, a folder; tell whether it was there."""
        there = Path(path)
        if there.is_dir() and any(there.iterdir()) and not recurse:
            raise DatabricksError(f"java.io.IOException: Directory {path} is not empty. recurse needs to be true")
        existed = there.exists()
        if there.is_dir():
            shutil.rmtree(there)
        else:
            there.unlink(missing_ok=True)
        return existed


def _exit(value):
    if not isinstance(value, str):
        raise DatabricksError("py4j.Py4JException: Method exit does not exist for what is not a string")
    raise NotebookExit(value)


def _restart():
    raise PythonRestart


class Dbutils:
    """What a notebook gets: `secrets`, `widgets`, `notebook`, `library`, `fs`."""

    def __init__(self, scopes, given=None):
        self.secrets = Secrets(scopes)
        self.widgets = Widgets(given or {})
        self.fs = Files()
        self.notebook = SimpleNamespace(exit=_exit)
        self.library = SimpleNamespace(restartPython=_restart)
