"""What the rivals of a benchmark need: the Spark connector's jar, and the Python with PySpark 3.5."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.services import ROOT
from dev.java import spark_java
from dev.maven import maven_command

CONNECTOR = "benchmarks.connector"  # the module that uses it
CONNECTOR_VERSION = "5.0.3"
# Shaded: its own Neo4j driver is inside.
_COORDINATES = f"org.neo4j:neo4j-connector-apache-spark_2.12:{CONNECTOR_VERSION}_for_spark_3"


def old_python() -> str:
    """Return the Python of the environment with PySpark 3.5; raise RuntimeError if it is not installed."""
    python = ROOT / ".venv-lts" / "bin" / "python"
    if not python.exists():
        raise RuntimeError("the connector runs with PySpark 3.5: run `make test-lts` once, which installs it")
    return str(python)


def old_java() -> dict[str, str]:
    """Return the variables of Spark 3.5's Java: no options of the caller, whose class archive is of Spark 4.0."""
    return {"JAVA_HOME": str(spark_java(machine_only=True).home), "SPARK_SUBMIT_OPTS": ""}


def connector_jar(folder: Path) -> Path:
    """Fetch the connector's jar into `folder` through Maven; raise RuntimeError if it cannot be fetched."""
    command = [
        *maven_command(spark_java(), folder), "-q", "-B", "dependency:copy", f"-Dartifact={_COORDINATES}",
        f"-DoutputDirectory={folder}", "-Dmdep.useBaseVersion=true",
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    found = sorted(Path(folder).glob("neo4j-connector-apache-spark*.jar"))
    if not found:
        raise RuntimeError(f"the connector could not be fetched: {(ended.stdout + ended.stderr)[-1000:]}")
    return found[0]
