# Databricks notebook source
# MAGIC %md
# MAGIC # Setup
# MAGIC The other notebooks begin with `%run ./_setup`. This notebook installs missing libraries, restarts Python, finds the
# MAGIC package and imports the names that the other notebooks use. It deletes all variables that were set before it.

# COMMAND ----------

# MAGIC %pip install --quiet "click>=8.0" "jinja2>=3.1" "neo4j>=6.0,<7" "neo4j-rust-ext>=6.0,<7" "pydantic>=2.5" "python-dotenv>=1.0" "pyyaml>=6.0" "requests>=2.31" "rich>=13" "tenacity>=8.2"

# COMMAND ----------

# A process keeps the versions that it has loaded.
dbutils.library.restartPython()

# COMMAND ----------

import sys
from pathlib import Path


def repository() -> Path | None:
    """Return the nearest folder above this one that holds the package and the files beside it, or None."""
    here = Path.cwd()
    on_path = [Path(entry).absolute() for entry in sys.path]  # has this folder too, and the Git folder that holds it
    folders = [here, *here.parents, *(folder for entry in on_path for folder in (entry, entry.parent))]
    return next((f for f in folders if (f / "delta_neo4j").is_dir() and (f / "load_utils.py").is_file()), None)


if (above := repository()) and str(above) != sys.path[0]:
    # First on the path: the notebooks must use the package of this repository, and `model_setup` the file, not the
    # notebook of that name.
    sys.path.insert(0, str(above))
try:
    import delta_neo4j
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{missing.name} is missing: delta_neo4j is neither installed nor in a folder above this notebook; "
        "bring the whole repository into the workspace, or %pip install its wheel (docs/notebooks.md)"
    ) from None
print(f"delta_neo4j {delta_neo4j.__version__} from {delta_neo4j.__path__[0]}")

# COMMAND ----------

import pandas as pd

from delta_neo4j.settings import build, collect
from delta_neo4j.runs.plan import forecast
from delta_neo4j.graph.search.question import MODES, Question
from delta_neo4j.graph.cypher.relationships import merge_relationships
from delta_neo4j.graph.cypher.nodes import upsert_nodes
from delta_neo4j.embedding import choose
from delta_neo4j.mapping.identifiers import quoted
from delta_neo4j.runs.load import load
from delta_neo4j.runs.search import search, settings_of
from delta_neo4j.mapping.file import read_mapping, text_of
from delta_neo4j.runs.preflight import text_dimension
from delta_neo4j.runs.report.progress import one_line
from delta_neo4j.graph.bolt.server import server_version
from delta_neo4j.settings.names import DEFAULT_SCOPE
from delta_neo4j.settings.values import Neo4jSettings
from delta_neo4j.graph.bolt.transactions import open_driver

# COMMAND ----------


def ask(neo4j: Neo4jSettings, query: str, **parameters: object) -> list[dict]:
    """Run one query in its own transaction and return its records."""
    connection = neo4j.connection()
    with open_driver(connection) as driver, driver.session(database=connection.database) as session:
        return session.run(query, parameters).data()
