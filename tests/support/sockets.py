"""Listeners that are no Neo4j, each in a way that people meet."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress


@contextmanager
def listening(answer, *, at_once=False):
    """
    Listen on a free port of the loopback; `answer` gets each connection, or several `at_once`.

    Gives the port.
    """
    server = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve():
        while not stopped.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            if at_once:
                threading.Thread(target=converse, args=[connection], daemon=True).start()
            else:
                converse(connection)

    def converse(connection):
        with connection, suppress(OSError):
            answer(connection, stopped)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def hangs_up(connection, _):
    """Read what the client says and close, as a server with TLS does on a plain connection."""
    connection.recv(100)


def speaks_http(connection, _):
    """Answer as a web server does to bytes that are no request."""
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def says_nothing(_, stopped):
    """Keep the connection open and say nothing, as a firewall that accepts for others."""
    stopped.wait(60)


def with_certificate(file, key):
    """Speak TLS with a certificate that nobody has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)

    def answer(connection, _):
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(100)

    return answer
