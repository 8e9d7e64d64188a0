"""The Java that local Spark runs on, and an archive of the classes that Spark loads at every start."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from delta_neo4j.cli.local_spark import delta_jars
from dev.java import Java, spark_java
from dev.processes import one_at_a_time
from dev.wheel_java import spark_home

# If an archive does not fit, a JVM prints that to standard output, which must have only the summary of a load.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


def spark_environment(folder: Path) -> dict[str, str]:
    """Return the variables for local Spark: its Java, and the class archive if `folder` holds one that fits."""
    java = spark_java()
    archive = _archive(folder, java)
    options = [f'"-XX:SharedArchiveFile={archive}"', *_QUIET] if archive.is_file() else []
    return _environment(java, folder, options)


def make_archive(folder: Path) -> None:
    """Make the class archive of this Java, Spark and Delta in `folder`, unless the folder has it.

    The archive appears only when it is complete. Files of a killed call and archives of other versions are deleted.
    """
    java = spark_java()
    with one_at_a_time(folder / ".archiving"):
        if _archive(folder, java).is_file():
            return
        for old in (*folder.glob("spark-*.jsa"), *folder.glob(".part-*")):
            old.unlink()
        part = folder / f".part-{os.getpid()}.jsa"
        if "spark.jars.packages" in delta_jars():  # this session fetches them; its class path is its own
            _run_session(_environment(java, folder, []))
        _run_session(_environment(java, folder, [f'"-XX:ArchiveClassesAtExit={part}"', *_QUIET]))
        if part.is_file():
            part.rename(_archive(folder, java))


def _environment(java: Java, folder: Path, options: list[str]) -> dict[str, str]:
    of_the_caller = os.environ.get("SPARK_SUBMIT_OPTS", "")
    return {
        "JAVA_HOME": str(spark_home(java, folder)),
        "SPARK_SUBMIT_OPTS": " ".join([of_the_caller, *options]).strip(),
    }


def _run_session(environment: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "dev.short_session", folder]
        subprocess.run(command, env={**os.environ, **environment}, capture_output=True, check=False)


def _archive(folder: Path, java: Java) -> Path:
    """Return the path of the archive, whose name changes with every file that a JVM checks before it uses one."""
    spark = find_spec("pyspark")
    jars = sorted((Path(spark.origin).parent / "jars").glob("*.jar")) if spark and spark.origin else []
    delta = [Path(jar) for jar in delta_jars().get("spark.driver.extraClassPath", "").split(os.pathsep) if jar]
    runtime = (java.home / "lib" / "modules", java.home / "lib" / "server" / "classes.jsa")
    parts = [_identity(path) for path in (*runtime, *delta, *jars)]
    return folder / f"spark-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}.jsa"


def _identity(path: Path) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        return f"{path} -"
    return f"{path} {found.st_size} {found.st_mtime_ns}"
