# Databricks notebook source
# MAGIC %md
# MAGIC # Setup
# MAGIC The other notebooks begin with `%run ./_setup`. It installs what the runtime lacks (what is there stays), restarts
# MAGIC Python, finds the package, and names what they use. Variables that were set before it are gone.

# COMMAND ----------

# MAGIC %pip install --quiet "click>=8.0" "neo4j>=6.0,<7" "neo4j-rust-ext>=6.0,<7" "pydantic>=2.5" "python-dotenv>=1.0" "pyyaml>=6.0" "requests>=2.31" "rich>=13" "tenacity>=8.2"

# COMMAND ----------

# A process that had loaded an older version keeps it until it ends.
dbutils.library.restartPython()

# COMMAND ----------

import sys
from pathlib import Path


def repository() -> Path | None:
    """Give the nearest folder above this one that holds the package and the files beside it."""
    here = Path.cwd()
    on_path = [Path(entry).absolute() for entry in sys.path]  # with this folder, and the Git folder it lies in
    folders = [here, *here.parents, *(folder for entry in on_path for folder in (entry, entry.parent))]
    return next((f for f in folders if (f / "delta_neo4j").is_dir() and (f / "load_utils.py").is_file()), None)


if (above := repository()) and str(above) != sys.path[0]:
    # First, so that the notebooks use the package they came with, and `model_setup` is the file and not a notebook.
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

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from delta_neo4j import config, forecast, search
from delta_neo4j.cypher.edges import merge_relationships
from delta_neo4j.cypher.nodes import upsert_nodes
from delta_neo4j.embedding import choose
from delta_neo4j.identifiers import quoted
from delta_neo4j.loader import load
from delta_neo4j.mapping import read_mapping, text_of
from delta_neo4j.preflight import text_dimension
from delta_neo4j.progress import PlainLines
from delta_neo4j.server import server_version
from delta_neo4j.setting_names import DEFAULT_SCOPE
from delta_neo4j.settings import Neo4jSettings
from delta_neo4j.transactions import open_driver

# COMMAND ----------


def ask(neo4j: Neo4jSettings, query: str, **parameters: object) -> list[dict]:
    """Run one query in a transaction of its own and give its records."""
    connection = neo4j.connection()
    with open_driver(connection) as driver, driver.session(database=connection.database) as session:
        return session.run(query, parameters).data()


@contextmanager
def progress() -> Iterator[None]:
    """Print the package's events, a line each, while the block runs."""
    logger, lines = logging.getLogger("delta_neo4j"), logging.StreamHandler(sys.stdout)
    lines.setFormatter(PlainLines())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.propagate = True
