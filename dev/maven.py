"""Maven: the program on the path, else one that Spark's Ivy downloads."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dev.processes import StackError

if TYPE_CHECKING:
    from dev.java import Java

_VERSION = "3.9.11"
_IVY_FILE = f"""<ivy-module version="2.0" xmlns:m="http://ant.apache.org/ivy/maven">
  <info organisation="local" module="maven"/>
  <dependencies>
    <dependency org="org.apache.maven" name="apache-maven" rev="{_VERSION}" transitive="false" conf="default->master">
      <artifact name="apache-maven" type="zip" ext="zip" m:classifier="bin"/>
    </dependency>
  </dependencies>
</ivy-module>
"""


def maven_command(java: Java, folder: Path) -> list[str]:
    """Return the command that starts Maven; if Maven is not on the path, download it into `folder`.

    One caller at a time: a second caller would delete the files that the first is downloading.
    """
    if installed := shutil.which("mvn"):
        return [installed]
    home = folder / f"apache-maven-{_VERSION}"
    if not home.is_dir():
        part = folder / ".part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _fetch(java, part)
        with zipfile.ZipFile(part / "apache-maven.zip") as archive:
            archive.extractall(part)
        (part / home.name).rename(home)
        shutil.rmtree(part)
    return ["sh", str(home / "bin" / "mvn")]


def _fetch(java: Java, folder: Path) -> None:
    (folder / "ivy.xml").write_text(_IVY_FILE)
    spark = find_spec("pyspark")
    jars = Path(spark.origin).parent / "jars" if spark and spark.origin else folder
    ivy = next(jars.glob("ivy-*.jar"), None)
    if ivy is None:
        raise StackError("Neo4j comes through Maven (mvn), which is not on the path, nor is PySpark, whose Ivy gets it")
    fetched = subprocess.run(
        [
            *(java.path, "-jar", ivy, "-ivy", folder / "ivy.xml", "-cache", folder / "cache", "-m2compatible"),
            *("-retrieve", f"{folder}/[artifact].[ext]"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if not (folder / "apache-maven.zip").is_file():
        said = re.search(r"(?:Server access error|ERROR|Exception).*", fetched.stdout + fetched.stderr)
        reason = said.group(0)[:300] if said else f"Ivy ended with code {fetched.returncode}"
        raise StackError(f"Maven (mvn) is not on the path, and Ivy could not fetch it, check the network: {reason}")
