"""Find a Java for Neo4j and one for Spark: they need different versions, and a machine may have several."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.processes import StackError
from dev.wheel_java import wheel_home

if TYPE_CHECKING:
    from collections.abc import Iterator

SPARK_MINIMUM = 17
# Spark 4.0 does not start on 24 and newer; 22 and 23 are out of support.
SPARK_MAXIMUM = 21
_USUAL_FOLDERS = (
    ("/usr/lib/jvm", "*"),
    ("/Library/Java/JavaVirtualMachines", "*/Contents/Home"),
    ("~/.sdkman/candidates/java", "*"),
)


@dataclass(frozen=True)
class Java:
    """A Java installation: the program `path` inside its home folder, and its major version."""

    path: Path
    major: int

    @property
    def home(self) -> Path:
        """The folder that JAVA_HOME would name."""
        return self.path.parent.parent

    def has_module(self, name: str) -> bool:
        """Return whether this Java has the module."""
        listed = subprocess.run([self.path, "--list-modules"], capture_output=True, text=True, check=False)
        return any(line.startswith(f"{name}@") or line == name for line in listed.stdout.splitlines())


def find_java(
    minimum: int,
    maximum: int | None = None,
    override_env_value: str | None = None,
    *,
    wanted_by: str = "this program",
    variable: str = "JAVA_HOME",
    machine_only: bool = False,
) -> Java:
    """Return a Java in `minimum`..`maximum`; an override (a home folder) must be suitable itself.

    The first that suits: JAVA_HOME, the wheel's (unless `machine_only`), then the lowest of the `java` on the path
    and the usual folders. Raises StackError that names `wanted_by` and the `variable` to set.
    """
    wanted = f"Java {_range(minimum, maximum)}"
    if override_env_value:
        chosen = describe(Path(override_env_value).expanduser() / "bin" / "java")
        if chosen is None or not _suits(chosen, minimum, maximum):
            what = f"is Java {chosen.major}" if chosen else "holds no working bin/java"
            raise StackError(
                f"{variable}={override_env_value} {what}, but {wanted_by} needs {wanted}: "
                f"set {variable} to the home folder of such a Java, or unset it to have one looked for"
            )
        return chosen
    preferred = [] if machine_only else [wheel_home()]
    if os.environ.get("JAVA_HOME"):
        preferred.insert(0, Path(os.environ["JAVA_HOME"]).expanduser())
    for home in filter(None, preferred):
        java = describe(home / "bin" / "java")
        if java is not None and _suits(java, minimum, maximum):
            return java
    found = list(_installed())
    suitable = [java for java in found if _suits(java, minimum, maximum)]
    if not suitable:
        seen = ", ".join(str(major) for major in sorted({java.major for java in found})) or "none"
        raise StackError(
            f"{wanted_by} needs {wanted}, and this machine has {seen}: "
            f"install one, or set {variable} to its home folder"
        )
    return min(suitable, key=lambda java: java.major)


def spark_java(*, machine_only: bool = False) -> Java:
    """Return the Java for Spark."""
    return find_java(SPARK_MINIMUM, SPARK_MAXIMUM, wanted_by="Spark", machine_only=machine_only)


def describe(program: Path) -> Java | None:
    """Run a `java` program and return its home and major version; None if it does not start or does not print them."""
    try:
        answer = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", answer.stderr, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", answer.stderr, re.MULTILINE)
    if home is None or version is None:
        return None
    return Java(path=Path(home.group(1).strip()) / "bin" / "java", major=int(version.group(1)))


def _suits(java: Java, minimum: int, maximum: int | None) -> bool:
    return java.major >= minimum and (maximum is None or java.major <= maximum)


def _range(minimum: int, maximum: int | None) -> str:
    return f"{minimum} or newer" if maximum is None else f"{minimum} to {maximum}"


def _installed() -> Iterator[Java]:
    seen: set[Path] = set()
    for program in _programs():
        real = program.resolve()
        if real in seen or not real.is_file():
            continue
        seen.add(real)
        java = describe(program)
        if java is not None:
            yield java


def _programs() -> Iterator[Path]:
    configured = os.environ.get("JAVA_HOME")
    if configured:
        yield Path(configured).expanduser() / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    for folder, pattern in _USUAL_FOLDERS:
        for home in sorted(Path(folder).expanduser().glob(pattern)):
            yield home / "bin" / "java"
