"""The structure is a test: who may import whom, who may know the environment, how large a file may grow."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "delta_neo4j"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
FIXED = ["removals_spark_loader.py", "load_utils.py", "neo4j_connection.py", "model_setup.py"]

# Each module and the modules of the package that it may import at run time; a layer sees only what is below.
ALLOWED = {
    "__init__": {"api"},
    "api": {"config", "errors", "frames", "loader", "setting_names"},
    "errors": set(),
    "identifiers": {"errors"},
    "plan": set(),
    "expressions": {"errors", "plan"},
    "yaml_places": set(),
    "mapping_names": {"errors", "expressions", "identifiers"},
    "mapping_embedding": {"errors", "expressions", "mapping_names", "plan"},
    "mapping_model": {"cypher.schema", "mapping_embedding", "mapping_names", "plan"},
    "mapping": {"errors", "mapping_model", "plan", "yaml_places"},
    "settings": {"budget", "errors", "plan"},
    "config": {"errors", "setting_names", "settings"},
    "source": {"errors", "expressions", "grants", "identifiers", "plan", "spark_errors"},
    "validation": {"plan", "source", "spark_errors"},
    "source_types": {"errors", "plan", "source", "validation"},
    "ranking": {"source", "validation"},
    "staging": {"ranking", "spark_errors", "validation"},
    "state": {"identifiers", "source"},
    "checkpoint": {"errors"},
    "cypher": set(),
    "cypher.common": {"identifiers"},
    "cypher.schema": {"identifiers"},
    "cypher.nodes": {"cypher.common", "identifiers"},
    "cypher.edges": {"cypher.common", "identifiers"},
    "cypher.removal": {"cypher.common", "identifiers"},
    "rows": set(),
    "transactions": {"errors"},
    "writer": {"errors", "rows", "transactions"},
    "passes": {"errors", "rows", "transactions", "writer"},
    "ledger": {"errors"},
    "dead_letters": {"errors", "source", "validation"},
    "model": set(),
    "model.weights": {"errors"},
    "model.served": set(),
    "model.checks": {"embedding.base", "model.weights"},
    "model.engines": {"embedding.base", "model.checks", "model.weights"},
    "model.registry": {"model.checks", "model.engines", "model.weights"},
    "model.workspace": {"errors", "model.weights"},
    "model.endpoint": {"model.weights", "model.workspace"},
    "model.probe": {"embedding.ai_query", "embedding.base", "model.weights", "model.workspace"},
    "embedding": set(),
    "embedding.base": {"errors"},
    "embedding.responses": {"embedding.base"},
    "embedding.faults": {"errors"},
    "embedding.payload": set(),
    "embedding.connection": set(),
    "embedding.oauth": {"embedding.faults", "errors"},
    "embedding.rest": {
        "embedding.base", "embedding.connection", "embedding.faults", "embedding.oauth", "embedding.payload",
        "embedding.responses", "errors",
    },
    "embedding.address": {"embedding.oauth", "embedding.rest", "errors", "settings"},
    "embedding.in_process": {"embedding.base"},
    "embedding.cache": set(),
    "embedding.ai_query": {"embedding.ai_query_errors", "embedding.base", "errors", "spark_errors"},
    "spark_errors": set(),
    "embedding.ai_query_errors": {"errors"},
    "budget": {"errors"},
    "embedding.tokens": {"errors", "model.weights"},
    "embedding.texts": {"budget", "embedding.base", "embedding.cache", "embedding.tokens", "model.weights"},
    "embedding.choose": {"embedding.address", "embedding.ai_query", "embedding.in_process", "errors", "model.weights"},
    "models": {"embedding.base", "errors"},
    "schema": {"cypher.schema", "errors", "neo4j_grants", "transactions"},
    "server": {"errors", "neo4j_grants", "transactions", "unreachable"},
    "graph_rows": {
        "cypher.common", "cypher.edges", "cypher.nodes", "cypher.removal", "graph_columns", "model.weights",
        "passes", "ranking", "removal", "source", "validation", "writer",
    },
    "pipeline": {
        "budget", "dead_letters", "embedding.cache", "embedding.texts", "errors", "graph_rows", "ledger", "micro_texts",
        "ranking", "reach", "removal", "slice_load", "staging", "validation",
    },
    "preflight": {
        "drift", "embedding.base", "embedding.choose", "errors", "grants", "graph_vectors", "mapping_history", "models",
        "reach", "schema", "server", "source", "source_types", "transactions",
    },
    "shipping": {""},
    "report": {"errors", "ledger"},
    "runs": {"errors", "grants", "report", "spark_errors", "state"},
    "embed": {
        "budget", "embedding.cache", "embedding.texts", "embedding.tokens", "errors", "mapping", "pieces",
        "pipeline", "preflight", "report", "runs", "shipping", "source", "staging", "validation",
    },
    "local_spark": {"errors", "worker_daemon"},
    "options": set(),
    "embedding.compaction": {"embedding.cache"},
    "maintain": {"embedding.compaction", "state"},
    "pending": {"errors", "ranking", "source", "validation"},
    "history": set(),
    "forecast": {
        "checkpoint", "embedding.base", "embedding.cache", "embedding.choose", "embedding.tokens", "errors",
        "history", "ledger", "mapping", "model.weights", "models", "pending", "pieces", "preflight", "shipping",
        "source", "state",
    },
    "graph": {"errors", "plan", "server", "transactions"},
    "search": {"embedding.base", "errors", "identifiers", "schema", "server", "transactions"},
    "progress": set(),
    "__main__": {"cli"},
    "cli": {
        "", "cli_status", "cli_upkeep", "config", "embed", "embedding.choose", "errors", "forecast", "loader",
        "local_spark", "mapping", "mapping_commands", "options", "progress", "report", "runs", "search",
    },
    "drafting": set(),
    "drafting.names": {"errors", "identifiers"},
    "drafting.types": {"source_types"},
    "drafting.sample": {"identifiers"},
    "drafting.decide": {"drafting.names", "drafting.sample", "drafting.types", "identifiers"},
    "drafting.text": {"drafting.decide", "drafting.names"},
    "drafting.draft": {
        "drafting.decide", "drafting.names", "drafting.sample", "drafting.text", "identifiers", "source",
    },
    "drift": {"drafting.types", "errors", "expressions", "identifiers", "plan"},
    "graph_vectors": {"embedding.base", "errors", "identifiers", "schema", "transactions"},
    "graph_conflicts": {"cypher.schema", "errors", "schema", "server", "transactions"},
    "mapping_check": {
        "errors", "graph_conflicts", "mapping", "preflight", "source", "source_types", "yaml_places",
    },
    "mapping_commands": {
        "config", "drafting.draft", "errors", "mapping", "mapping_check", "options", "runs", "yaml_places",
    },
    "frames": {
        "errors", "identifiers", "loader", "mapping", "mapping_history", "plan", "preflight", "report", "runs",
        "shipping", "source", "staging", "validation",
    },
    "graph_columns": {"cypher.common", "ranking", "rows", "validation"},
    "loader": {
        "budget", "checkpoint", "drift", "embedding.cache", "embedding.tokens", "errors", "ledger", "mapping",
        "pipeline", "preflight", "report", "runs", "shipping", "source", "staging", "state",
    },
    "mapping_history": {"drift", "plan", "source"},
    "micro_texts": {"errors", "pieces", "staging", "validation"},
    "pieces": set(),
    "removal": {"cypher.common", "cypher.removal", "errors", "transactions"},
    "slice_load": {"cypher.edges", "dead_letters", "errors"},
    "clear": {
        "checkpoint", "cypher.removal", "mapping", "mapping_history", "plan", "removal", "server", "state",
        "transactions",
    },
    "cli_status": {"config", "errors", "options", "runs", "state", "status"},
    "grants": {"errors", "identifiers", "spark_errors"},
    "neo4j_grants": {"errors", "identifiers"},
    "setting_names": set(),
    "status": {"setting_names", "settings"},
    "unreachable": {"transactions"},
    "cli_upkeep": {"clear", "config", "maintain", "options", "runs"},
    "reach": {"errors", "spark_errors", "writer"},
    "worker_daemon": set(),
}  # fmt: skip


def _name(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _imports(path):
    """Yield the package's modules that a file imports outside `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = (ROOT / (whole.replace(".", "/") + ".py")).exists() or (
                    ROOT / whole.replace(".", "/")
                ).is_dir()
                yield whole if is_module else node.module


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_what_its_layer_allows(path):
    """No module reaches up or sideways: the table of allowed imports is the architecture."""
    inside = {name.removeprefix("delta_neo4j").lstrip(".") for name in _imports(path) if name.startswith("delta_neo4j")}
    assert inside <= ALLOWED[_name(path)], f"{_name(path)} imports {inside - ALLOWED[_name(path)]}"


def test_the_allowed_imports_have_no_cycle():
    """Following allowed imports never leads back."""

    def reach(name, seen):
        for below in ALLOWED.get(name, ()):
            assert below not in seen, f"{' → '.join([*seen, below])} is a cycle"
            reach(below, [*seen, below])

    for name in ALLOWED:
        reach(name, [name])


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
    r"\bDeltaTable\b": "the Python DeltaTable API",
}


def _code(path):
    """Give a file's text without comments and docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            node.body[0].value.value = ""
    return ast.unparse(tree)


def test_search_needs_no_pyspark():
    """What `delta-neo4j search` imports works where no Spark is installed."""
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'pyspark', 'delta'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import delta_neo4j.search, delta_neo4j.mapping, delta_neo4j.config, delta_neo4j.embedding.choose\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_config_and_cli_know_the_environment(path):
    """Everything else takes values, and nothing uses what Connect or serverless does not have."""
    rules = dict(NOWHERE) if _name(path) in {"config", "cli"} else NOWHERE | FORBIDDEN
    found = [what for pattern, what in rules.items() if re.search(pattern, _code(path))]
    assert not found, f"{_name(path)} uses {', '.join(found)}"


@pytest.mark.parametrize("path", [*MODULES, *(ROOT / name for name in FIXED)], ids=str)
def test_files_and_functions_fit_a_screen(path):
    """A file has at most 300 lines and a function at most 40; no module begins like a notebook."""
    text = path.read_text()
    assert text.count("\n") <= 300
    assert not text.startswith("# Databricks notebook source")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= 40, f"{node.name} has {length} lines"


def test_help_needs_no_pyspark():
    """`delta-neo4j --help` works where only the wheel's own dependencies are installed."""
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'pyspark', 'delta', 'pyarrow', 'numpy', 'pandas', 'mlflow', 'torch'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from delta_neo4j.cli import main\n"
        "main(['load', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "--reset-checkpoint" in done.stdout


@pytest.mark.parametrize("command", ["load", "plan", "status"])
def test_without_pyspark_a_command_says_so(command, tmp_path):
    """One line with what to install and exit code 2, never a trace; a run's summary is printed as ever."""
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'pyspark', 'delta'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from delta_neo4j.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    told = {"NEO4J_URI": "bolt://127.0.0.1:1", "NEO4J_USERNAME": "u", "NEO4J_PASSWORD": "p", "PYTHONPATH": str(ROOT)}
    json_flag = ["--json"] if command == "load" else []
    done = subprocess.run(
        [sys.executable, "-c", program, command, *json_flag],
        capture_output=True, text=True, cwd=tmp_path, env=told, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "pyspark is missing; install it with pip install 'delta-neo4j[spark]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not json_flag or '"exit_code": 2' in done.stdout.splitlines()[-1]
