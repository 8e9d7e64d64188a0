"""A Neo4j that cannot be reached: each cause in one line with what to do, from the driver's own errors."""

from __future__ import annotations

import socket
import ssl
import subprocess

import pytest
from neo4j.exceptions import ServiceUnavailable

from delta_neo4j.errors import PreflightError
from delta_neo4j.graph.bolt import server, unreachable
from delta_neo4j.settings.connection import Connection
from tests.support import sockets


def _refusal(uri, monkeypatch, patience=20.0):
    monkeypatch.setattr(server, "PATIENCE", patience)
    with pytest.raises(PreflightError) as refused:
        server.server_version(Connection(uri, "neo4j", "pass-word", "neo4j", 3))
    assert "\n" not in str(refused.value)
    assert "pass-word" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+s", "neo4j+s"])
def test_a_port_where_nobody_listens(scheme, monkeypatch):
    """Refused at once, routed or not, with TLS or without."""
    assert "port 1 refuses connections" in _refusal(f"{scheme}://127.0.0.1:1", monkeypatch)


@pytest.mark.parametrize("scheme", ["bolt", "neo4j+s"])
def test_a_name_that_is_not_known(scheme, monkeypatch):
    """A slip in the host is called a name that DNS does not know."""
    line = _refusal(f"{scheme}://no-such-host.invalid", monkeypatch)
    assert "the name no-such-host.invalid is not known here (DNS)" in line
    assert "Aura" not in line


@pytest.mark.parametrize(
    ("scheme", "answer", "words"),
    [
        ("bolt", sockets.hangs_up, "a server with TLS wants the protocol neo4j+s or bolt+s"),
        ("bolt+s", sockets.hangs_up, "the server does not speak TLS"),
        ("neo4j+s", sockets.hangs_up, "the server does not speak TLS"),
        ("neo4j+s", sockets.speaks_http, "the server does not speak TLS"),
        ("bolt", sockets.speaks_http, "speaks HTTP; Bolt's port is 7687"),
        ("bolt", sockets.says_nothing, "no firewall or network policy blocks port"),
        ("neo4j", sockets.says_nothing, "no firewall or network policy blocks port"),
    ],
)
def test_a_port_that_answers_as_no_neo4j(scheme, answer, words, monkeypatch):
    """TLS where there is none and none where there is, another protocol, and silence are told apart."""
    with sockets.listening(answer) as port:
        assert words in _refusal(f"{scheme}://127.0.0.1:{port}", monkeypatch, patience=0.5)


def test_a_certificate_that_nobody_signed(tmp_path, monkeypatch):
    """A self-signed certificate is named, with the protocol that takes it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    with sockets.listening(sockets.with_certificate(certificate, key)) as port:
        assert "neo4j+ssc or bolt+ssc" in _refusal(f"bolt+s://127.0.0.1:{port}", monkeypatch)


@pytest.mark.parametrize(
    "cause", [socket.gaierror(-2, "Name or service not known"), TimeoutError("timed out"), ssl.SSLError("eof")]
)
def test_an_aura_instance_that_cannot_be_reached_may_be_paused(cause):
    """Whatever the network says of an Aura host, the line adds what is most often behind it, and where to look."""
    error = ServiceUnavailable("Unable to retrieve routing information")
    error.__cause__ = ExceptionGroup("all routers", [cause])
    line = unreachable.reason("neo4j+s://abc123.databases.neo4j.io", error)
    assert "may be paused, deleted or out of its tier: resume it in the Aura console" in line


def test_a_time_limit_of_preflight_is_below_half_a_minute():
    """A silent port is given up within the thirty seconds that preflight may take."""
    assert server.PATIENCE < 30
