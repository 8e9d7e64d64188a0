"""Why Neo4j cannot be reached, from the driver's chain of errors: the cause in one line, with what to do."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from delta_neo4j.transactions import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

AURA = ".databases.neo4j.io"
_PORT = 7687


def reason(uri: str, error: BaseException) -> str:
    """Say what stands between here and the server at `uri`, and what to do about it."""
    parts = urlsplit(uri)
    host, port = parts.hostname or uri, parts.port or _PORT
    said = _cause(host, port, tls="+s" in parts.scheme, chain=list(_chain(error))) or one_line(error)
    line = f"Neo4j at {uri} does not answer: {said}"
    if host.endswith(AURA):
        # A paused instance loses its name or its listener; from outside nothing else tells it from a blocked port.
        line += "; the Aura instance may be paused, deleted or out of its tier: resume it in the Aura console"
    return line


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):  # a routed address: one error a router
            for inner in error.exceptions:
                yield from _chain(inner)
        error = error.__cause__ or error.__context__


def _cause(host: str, port: int, *, tls: bool, chain: list[BaseException]) -> str | None:
    text = " ".join(map(repr, chain))
    found = {
        f"the name {host} is not known here (DNS); check NEO4J_HOST or NEO4J_URI": _has(chain, socket.gaierror),
        "its certificate is not trusted here; a self-signed one wants the protocol neo4j+ssc or bolt+ssc": (
            _has(chain, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text
        ),
        f"port {port} refuses connections; see that the server runs and listens there": _has(
            chain, ConnectionRefusedError
        ),
        f"port {port} speaks HTTP; Bolt's port is {_PORT}, 7474 is the browser's": "looks like HTTP" in text,
        "the server does not speak TLS; without TLS the protocol is neo4j or bolt": tls
        and ("WRONG_VERSION_NUMBER" in text or "BoltSecurityError" in text),
        "it hangs up on a plain connection; a server with TLS wants the protocol neo4j+s or bolt+s": not tls
        and "incomplete handshake" in text,
        f"no answer within the time limit; see that no firewall or network policy blocks port {port} from here": (
            _has(chain, TimeoutError) or "Timed out" in text
        ),
    }
    return next((said for said, holds in found.items() if holds), None)


def _has(chain: list[BaseException], kind: type[BaseException]) -> bool:
    return any(isinstance(error, kind) for error in chain)
