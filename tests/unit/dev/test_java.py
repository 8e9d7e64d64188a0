from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev import java
from dev.java import find_java, spark_java
from dev.processes import StackError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Give a function that installs stand-in Javas, on a machine that has no other."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(java, "_USUAL_FOLDERS", ((str(tmp_path), "*"),))
    monkeypatch.setattr(java, "wheel_home", lambda: None)

    def install(*majors: int) -> list[Path]:
        homes = []
        for major in majors:
            program = tmp_path / f"jdk-{major}" / "bin" / "java"
            program.parent.mkdir(parents=True)
            home = program.parent.parent
            program.write_text(
                f"#!/bin/sh\necho '    java.home = {home}' >&2\necho '    java.specification.version = {major}' >&2\n"
            )
            program.chmod(0o755)
            homes.append(home)
        return homes

    return install


def test_the_lowest_suitable_java_is_chosen(machine):
    """Of several that suit, the lowest is taken, and what is too old or too new is passed over."""
    machine(11, 17, 21, 25)
    assert find_java(17).major == 17
    assert find_java(18, 21).major == 21


def test_an_explicit_home_wins(machine):
    """A home given on purpose is used although another would be preferred."""
    homes = machine(17, 21)
    found = find_java(17, 21, str(homes[1]))
    assert (found.major, found.home) == (21, homes[1])


def test_an_unsuitable_explicit_home_is_one_clear_line(machine):
    """A home given on purpose that does not suit is refused, with its version and the variable to set."""
    homes = machine(17, 25)
    with pytest.raises(StackError) as refused:
        find_java(21, None, str(homes[0]), wanted_by="Neo4j 2026.09.0", variable="NEO4J_JAVA_HOME")
    line = str(refused.value)
    assert f"NEO4J_JAVA_HOME={homes[0]} is Java 17, but Neo4j 2026.09.0 needs Java 21 or newer" in line
    assert "\n" not in line


def test_an_explicit_home_without_java_is_one_clear_line(machine, tmp_path):
    """A folder that holds no Java is said to hold none."""
    machine(17)
    with pytest.raises(StackError, match="holds no working bin/java"):
        find_java(17, None, str(tmp_path / "empty"))


def test_no_suitable_java_says_what_there_is(machine):
    """When none suits, the line names the program, the range wanted and the versions found."""
    machine(11, 25)
    with pytest.raises(StackError, match="Spark needs Java 17 to 21, and this machine has 11, 25: install one"):
        find_java(17, 21, wanted_by="Spark")


def test_a_program_that_is_no_java_is_passed_over(machine, tmp_path):
    """What stands where a Java would and does not answer like one is left out."""
    machine(17)
    broken = tmp_path / "jdk-0" / "bin" / "java"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert find_java(11).major == 17


def test_the_java_on_the_path_is_found(machine, tmp_path, monkeypatch):
    """A Java outside the usual folders is found through the path."""
    homes = machine(17)
    monkeypatch.setattr(java, "_USUAL_FOLDERS", ())
    monkeypatch.setenv("PATH", str(homes[0] / "bin"), prepend=":")
    assert find_java(17).home == homes[0]


def test_spark_keeps_a_java_home_that_suits(machine, monkeypatch):
    """JAVA_HOME is Spark's choice when it suits, even where a lower version is installed."""
    homes = machine(17, 21)
    monkeypatch.setenv("JAVA_HOME", str(homes[1]))
    assert spark_java().home == homes[1]


def test_spark_leaves_a_java_home_that_it_does_not_start_on(machine, monkeypatch):
    """A JAVA_HOME too new for Spark gives way to an installed one that suits."""
    homes = machine(17, 25)
    monkeypatch.setenv("JAVA_HOME", str(homes[1]))
    assert spark_java().home == homes[0]


def test_the_wheels_java_goes_before_the_machines(machine, monkeypatch):
    """The wheel's Java is taken before a lower one of the machine, unless only the machine's are asked for."""
    homes = machine(17, 21)
    monkeypatch.setattr(java, "wheel_home", lambda: homes[1])
    assert spark_java().home == homes[1]
    assert spark_java(machine_only=True).home == homes[0]


def test_a_java_home_that_suits_goes_before_the_wheels(machine, monkeypatch):
    """A suitable JAVA_HOME is used although the wheel's Java suits too."""
    homes = machine(17, 21)
    monkeypatch.setattr(java, "wheel_home", lambda: homes[1])
    monkeypatch.setenv("JAVA_HOME", str(homes[0]))
    assert spark_java().home == homes[0]


def test_real_javas_say_which_modules_they_have():
    """The Java of this machine lists its base module, and not one that does not exist."""
    real = find_java(11)
    assert real.path.is_file()
    assert real.has_module("java.base")
    assert not real.has_module("java.nonsense")
