"""The Java of the wheel, completed."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from dev.java import Java, describe
from dev.wheel_java import key_store, spark_home, wheel_home


@pytest.fixture
def wheel():
    """The wheel's Java; the environment's own installation completed it."""
    return describe(wheel_home() / "bin" / "java")


@pytest.mark.class_archive
def test_the_wheels_java_has_its_base_archive(wheel):
    """It starts with the classes of its base archive, not with classes read one by one."""
    started = subprocess.run([wheel.path, "-Xlog:class+load", "-version"], capture_output=True, text=True, check=True)
    assert "java.lang.Object source: shared objects file" in started.stdout


def test_java_trusts_the_certificates_of_a_key_store_of_ours(wheel, tmp_path):
    """Java's own tool reads each certificate that Python trusts out of the store."""
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)[:3]
    (tmp_path / "store").write_bytes(key_store(certificates))
    listed = subprocess.run(
        [wheel.path.with_name("keytool"), "-list", "-keystore", tmp_path / "store", "-storepass", "changeit"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.count("trustedCertEntry") == len(certificates)


def test_spark_starts_a_java_without_the_vector_module(wheel, tmp_path):
    """The home for Spark has a `java` that starts although it is asked for a module that it lacks."""
    home = spark_home(wheel, tmp_path / "it's home")
    asked = ["--add-modules=jdk.incubator.vector", "-version"]
    assert subprocess.run([wheel.path, *asked], capture_output=True, check=False).returncode != 0
    assert subprocess.run([home / "bin" / "java", *asked], capture_output=True, check=False).returncode == 0


def test_spark_keeps_every_other_argument_as_it_is(tmp_path):
    """Blanks and quotes in an argument come through; of a class path only the slf4j named twice goes."""
    shows = tmp_path / "bin" / "java"
    shows.parent.mkdir()
    shows.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    shows.chmod(0o755)
    home = spark_home(Java(shows, 21), tmp_path / "home")
    given = ['-Da=it\'s "so" $x', "-cp", "/a b/conf:/j/slf4j-api-2.0.16.jar:/j/*", ""]
    passed = subprocess.run([home / "bin" / "java", *given], capture_output=True, text=True, check=True)
    assert passed.stdout.split("\n")[:-1] == [given[0], "-cp", "/a b/conf:/j/*", ""]


def test_spark_is_given_a_java_with_the_vector_module_as_it_is(tmp_path):
    """A Java that has the module is not led around."""
    has_it = tmp_path / "jdk" / "bin" / "java"
    has_it.parent.mkdir(parents=True)
    has_it.write_text("#!/bin/sh\necho jdk.incubator.vector@21\n")
    has_it.chmod(0o755)
    assert spark_home(Java(has_it, 21), tmp_path / "home") == tmp_path / "jdk"
    assert not (tmp_path / "home").exists()
