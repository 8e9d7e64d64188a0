"""The jars of the Neo4j Community server, downloaded once by Maven, a folder for each version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from dev.java import find_java
from dev.maven import maven_command
from dev.processes import StackError, one_at_a_time

DEFAULT_VERSION = "5.26.31"
CALENDAR_VERSION = "2026.09.0"

# The artifact `org.neo4j:neo4j` is the whole runnable server; no registry has the server's tarball.
_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>neo4j-lib</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{version}</version></dependency>
  </dependencies>
</project>
"""


def full_version(asked: str | None) -> str:
    """Return the exact version for NEO4J_VERSION: unset, a line (`5.26`, `2026`) or an exact version."""
    short = {None: DEFAULT_VERSION, "": DEFAULT_VERSION, "5.26": DEFAULT_VERSION, "2026": CALENDAR_VERSION}
    version = short.get(asked, asked)
    if version is None or not re.fullmatch(r"(5\.26|20\d\d\.\d\d)\.\d+", version):
        raise StackError(
            f"NEO4J_VERSION={asked} is not usable: write 5.26, 2026 or an exact version such as {DEFAULT_VERSION}"
        )
    return version


def is_calendar(version: str) -> bool:
    """Return whether a version is a calendar release (2025.01 and later), not one of the 5.x line."""
    return version.startswith("20")


def install(version: str, lib_root: Path) -> Path:
    """Return the folder of the jars of `version` below `lib_root`; download them if the folder does not exist.

    The folder appears only when it is complete: after a killed installation the next call starts again.
    """
    jars = lib_root / version
    if jars.is_dir():
        return jars
    with one_at_a_time(lib_root / ".installing"):
        if jars.is_dir():
            return jars
        for left_over in lib_root.glob(".part-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=lib_root))
        try:
            _fetch(version, part, lib_root / ".maven")
            (part / "lib").rename(jars)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return jars


def main_class(jars: Path, version: str) -> str:
    """Return the class that starts the server; the calendar releases have another one than 5.x."""
    with zipfile.ZipFile(jars / f"neo4j-{version}.jar") as jar:
        renamed = "org/neo4j/server/Neo4jCommunity.class" in jar.namelist()
    return "org.neo4j.server.Neo4jCommunity" if renamed else "org.neo4j.server.CommunityEntryPoint"


def _fetch(version: str, folder: Path, maven_folder: Path) -> None:
    (folder / "pom.xml").write_text(_POM.format(version=version))
    java = find_java(17, wanted_by="Maven")
    fetched = subprocess.run(
        [
            *maven_command(java, maven_folder),
            *("--batch-mode", "--quiet", "-Dmaven.artifact.threads=16", "-Dstyle.color=never"),
            "dependency:copy-dependencies",
            *("-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"),
        ],
        cwd=folder,
        env={**os.environ, "JAVA_HOME": str(java.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode != 0 or not (folder / "lib" / f"neo4j-{version}.jar").is_file():
        said = re.search(r"(?:ERROR\]|Error:) (.+)", fetched.stdout + fetched.stderr)
        reason = said.group(1)[:300] if said else f"mvn ended with code {fetched.returncode}"
        raise StackError(f"Maven could not fetch Neo4j {version}, check the version and the network: {reason}")
