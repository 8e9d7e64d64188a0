"""The Neo4j Community server's jars, fetched once by Maven into a folder a version."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from dev.processes import StackError, one_at_a_time

DEFAULT_VERSION = "5.26.31"
CALENDAR_VERSION = "2026.09.0"

# `org.neo4j:neo4j` alone is the whole runnable server; no tarball of it is in a registry.
_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>neo4j-lib</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>
"""


def full_version(asked: str | None) -> str:
    """Return the exact version for what a person asks: none, a line (`5.26`, `2026`) or a version."""
    short = {None: DEFAULT_VERSION, "": DEFAULT_VERSION, "5.26": DEFAULT_VERSION, "2026": CALENDAR_VERSION}
    version = short.get(asked, asked)
    if version is None or not re.fullmatch(r"(5\.26|20\d\d\.\d\d)\.\d+", version):
        raise StackError(
            f"NEO4J_VERSION={asked} is not usable: write 5.26, 2026 or an exact version such as {DEFAULT_VERSION}"
        )
    return version


def is_calendar(version: str) -> bool:
    """Tell the calendar releases (2025.01 and later) from the 5.x line."""
    return version.startswith("20")


def install(version: str, lib_root: Path) -> Path:
    """Return the folder of the jars of `version` below `lib_root`, fetching them when they are not there.

    The folder appears whole or not at all: a killed installation is started again by the next call.
    """
    jars = lib_root / version
    if jars.is_dir():
        return jars
    if shutil.which("mvn") is None:
        raise StackError("Maven (mvn) is not on the path, and Neo4j comes through it: install Maven and try again")
    with one_at_a_time(lib_root / ".installing"):
        if jars.is_dir():
            return jars
        for left_over in lib_root.glob(".part-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=lib_root))
        try:
            _fetch(version, part)
            (part / "lib").rename(jars)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return jars


def main_class(jars: Path, version: str) -> str:
    """Return the class that starts the server; it was renamed in the calendar releases."""
    with zipfile.ZipFile(jars / f"neo4j-{version}.jar") as jar:
        renamed = "org/neo4j/server/Neo4jCommunity.class" in jar.namelist()
    return "org.neo4j.server.Neo4jCommunity" if renamed else "org.neo4j.server.CommunityEntryPoint"


def _fetch(version: str, folder: Path) -> None:
    (folder / "pom.xml").write_text(_POM.format(version=version))
    fetched = subprocess.run(
        [
            "mvn",
            *("--batch-mode", "--quiet", "-Dmaven.artifact.threads=16", "-Dstyle.color=never"),
            "dependency:copy-dependencies",
            *("-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode != 0 or not (folder / "lib" / f"neo4j-{version}.jar").is_file():
        said = re.search(r"(?:ERROR\]|Error:) (.+)", fetched.stdout + fetched.stderr)
        reason = said.group(1)[:300] if said else f"mvn ended with code {fetched.returncode}"
        raise StackError(f"Maven could not fetch Neo4j {version}, check the version and the network: {reason}")
