"""The structure is a test: which folder may import which, who may know what, how large a file may grow."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.support.places import ROOT

PACKAGE = ROOT / "delta_neo4j"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
FIXED = ["removals_spark_loader.py", "load_utils.py", "neo4j_connection.py", "model_setup.py"]

# The whole rule: a module imports its own folder, or a folder further left. `settings` and `mapping` stand side by
# side, and so do `api` and `cli`.
RULE = "errors < settings, mapping < source < state < embedding < graph < pipeline < runs < api, cli"
RANKS = {room: rank for rank, rooms in enumerate(RULE.split(" < ")) for room in rooms.split(", ")}
AT_THE_TOP = 12  # names beside __main__.py and py.typed


def _name(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


@cache
def _tree(path):
    """Parse a file once for all tests, which only read the tree."""
    return ast.parse(path.read_text())


@cache
def _imports(path):
    """Return every module that a file imports, anywhere in it, those under `if TYPE_CHECKING` included."""
    return list(_imported(path))


def _imported(path):
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                place = ROOT / whole.replace(".", "/")
                yield whole if place.with_suffix(".py").exists() or place.is_dir() else node.module


def _inside(path):
    """Name the package's own modules that a file imports."""
    return {each.removeprefix("delta_neo4j.") for each in _imports(path) if each.startswith("delta_neo4j.")}


def _importers_of(library):
    """Name the modules that import a library."""
    return {_name(path) for path in MODULES if any(each.split(".")[0] == library for each in _imports(path))}


def _is_below(module, rooms):
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_its_own_folder_or_a_lower_one(path):
    """The rule line is the architecture; imports for types count."""
    room = _name(path).split(".")[0]
    if room in {"__init__", "", "__main__"}:
        return  # they open the doors `api` and `cli`
    above = {each for each in _inside(path) if each.split(".")[0] != room and RANKS[each.split(".")[0]] >= RANKS[room]}
    assert not above, f"{_name(path)} imports {sorted(above)}, which is not below it in: {RULE}"


def test_no_files_import_each_other_in_a_circle():
    """Following imports from file to file, those for types included, never leads back."""
    graph = {_name(path): _inside(path) - {_name(path)} for path in MODULES}
    list(TopologicalSorter(graph).static_order())


def test_the_top_of_the_package_is_a_short_list():
    """Beside `__main__.py` and `py.typed` stand the doors, the errors and one folder a room."""
    names = {path.name for path in PACKAGE.iterdir()} - {"__main__.py", "py.typed", "__pycache__"}
    assert names == {"__init__.py", *(f"{room}.py" for room in ("api", "errors")), *(set(RANKS) - {"api", "errors"})}
    assert len(names) <= AT_THE_TOP


def test_every_folder_is_in_the_wheel():
    """The list of packages that the wheel is made of names every folder with Python files."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == folders | {"delta_neo4j.mappings"}


def test_only_bolt_imports_the_driver():
    """Everything else speaks to Neo4j through `graph.bolt`."""
    assert {each for each in _importers_of("neo4j") if not _is_below(each, ["graph.bolt"])} == set()


# A text that begins as a statement does; `DROP INDEX name` inside a sentence is advice.
STATEMENT = re.compile(
    r"\s*(OPTIONAL MATCH|MATCH \(|MERGE \(|UNWIND |CREATE (\(|CONSTRAINT|VECTOR|INDEX)|"
    r"SHOW (INDEX|CONSTRAINT|VECTOR)|CALL |RETURN )"
)


def test_only_the_cypher_folder_holds_cypher_text():
    """Statements are built in `graph.cypher` and nowhere else; advice in messages may name one."""
    holders = set()
    for path in MODULES:
        texts = [n.value for n in ast.walk(_without_docstrings(path)) if isinstance(n, ast.Constant)]
        if any(isinstance(text, str) and STATEMENT.match(text) for text in texts):
            holders.add(_name(path))
    assert {each for each in holders if not _is_below(each, ["graph.cypher"])} == set()


def test_only_cli_imports_click():
    """Commands are the terminal's business."""
    assert {each for each in _importers_of("click") if not _is_below(each, ["cli"])} == set()


def test_only_cli_and_the_terminal_report_import_rich():
    """So is how a summary is drawn."""
    assert {each for each in _importers_of("rich") if not _is_below(each, ["cli", "runs.report.terminal"])} == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "graph" / "passes").glob("*.py")), ids=_name)
def test_what_runs_in_spark_tasks_stands_on_little(path):
    """A pass imports errors, the connection, `graph.bolt` and its own folder: it travels to workers."""
    others = {
        e for e in _inside(path) if not _is_below(e, ["errors", "settings.connection", "graph.bolt", "graph.passes"])
    }
    assert others == set()


FORBIDDEN = {
    r"\bos\.environ\b|\bgetenv\b": "the environment",
    r"\bdbutils\b": "dbutils",
    r"(?<![\w.])print\(": "print",
    r"\b__file__\b": "__file__",
}
NOWHERE = {
    r"\.(cache|persist|unpersist)\(\)": "caching a frame",
    r"\.rdd\b": "an RDD",
    r"\bsparkContext\b": "the Spark context",
    r"(?<!deltalake\.)\bDeltaTable\b": "the Python DeltaTable API of Spark",
}


@cache
def _without_docstrings(path):
    tree = ast.parse(path.read_text())  # a copy of the other tree takes longer
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            node.body[0].value.value = ""
    return tree


@cache
def _code(path):
    """Return a file's text without comments and docstrings."""
    return ast.unparse(_without_docstrings(path))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_settings_and_cli_know_the_environment(path):
    """Everything else takes values, and nothing uses what Connect or serverless does not have."""
    doors = ["cli", "settings.collect", "settings.secret_scope", "settings.login"]
    rules = dict(NOWHERE) if _is_below(_name(path), doors) else NOWHERE | FORBIDDEN
    found = [what for pattern, what in rules.items() if re.search(pattern, _code(path))]
    assert not found, f"{_name(path)} uses {', '.join(found)}"


@pytest.mark.parametrize("path", [*MODULES, *(ROOT / name for name in FIXED)], ids=str)
def test_files_and_functions_fit_a_screen(path):
    """A file has at most 300 lines and a function at most 40."""
    assert path.read_text().count("\n") <= 300
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 40, f"{node.name} has {length} lines"
