"""The reason why Neo4j cannot be reached, from the driver's chain of errors: one line with the remedy."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from delta_neo4j.graph.bolt.failures import chain, one_line

AURA = ".databases.neo4j.io"
_PORT = 7687


def reason(uri: str, error: BaseException) -> str:
    """Return one line on why the server at `uri` cannot be reached, and what to do."""
    line = f"Neo4j at {uri} does not answer: {cause(uri, error) or one_line(error)}"
    if (urlsplit(uri).hostname or uri).endswith(AURA):
        # A paused instance has no DNS name or no listener: from outside it looks like a blocked port.
        line += "; the Aura instance may be paused, deleted or out of its tier: resume it in the Aura console"
    return line


def cause(uri: str, error: BaseException) -> str | None:
    """Return what is wrong with the address, the network or TLS, and what to do; None if nothing known is."""
    parts = urlsplit(uri)
    return _cause(parts.hostname or uri, parts.port or _PORT, tls="+s" in parts.scheme, errors=list(chain(error)))


def _cause(host: str, port: int, *, tls: bool, errors: list[BaseException]) -> str | None:
    text = " ".join(map(repr, errors))
    causes = {
        f"the name {host} is not known here (DNS); check NEO4J_HOST or NEO4J_URI": _has(errors, socket.gaierror),
        "its certificate is not trusted here; a self-signed one wants the protocol neo4j+ssc or bolt+ssc": (
            _has(errors, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text
        ),
        f"port {port} refuses connections; see that the server runs and listens there": _has(
            errors, ConnectionRefusedError
        ),
        f"port {port} speaks HTTP; Bolt's port is {_PORT}, 7474 is the browser's": "looks like HTTP" in text,
        "the server does not speak TLS; without TLS the protocol is neo4j or bolt": tls
        and ("WRONG_VERSION_NUMBER" in text or "BoltSecurityError" in text),
        "it hangs up on a plain connection; a server with TLS wants the protocol neo4j+s or bolt+s": not tls
        and "incomplete handshake" in text,
        "TLS with the server fails; see that both sides speak the same version of it": _has(errors, ssl.SSLError)
        and not _has(errors, ssl.SSLEOFError),
        f"no answer within the time limit; see that no firewall or network policy blocks port {port} from here": (
            _has(errors, TimeoutError) or "Timed out" in text
        ),
    }
    return next((cause for cause, holds in causes.items() if holds), None)


def _has(errors: list[BaseException], kind: type[BaseException]) -> bool:
    return any(isinstance(error, kind) for error in errors)
