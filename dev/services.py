"""Write the file with the addresses of the services, and check whether the services accept connections."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PORTS = {"http": 80, "https": 443}
_BOLT_PORT = 7687
_CONNECT_SECONDS = 3.0


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


def write_services(path: Path, values: Mapping[str, str]) -> None:
    """Write `NAME=value` lines for the loader's `--env-file`."""
    write_private(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def reachable(address: str) -> bool:
    """Return whether a program accepts connections at a URL or Bolt address."""
    parts = urlsplit(address)
    port = parts.port or _PORTS.get(parts.scheme, _BOLT_PORT)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
