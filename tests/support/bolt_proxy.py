"""A proxy between the driver and a real Neo4j: it reads the client's messages, and can cut a connection at one."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from contextlib import contextmanager, suppress

from tests.support import sockets
from tests.support.bolt_server import MESSAGES, SUCCESS

_MANIFEST = b"\x00\x00\x01\xff"  # instead of a version of Bolt: the server lists what it speaks, the client chooses


class BoltProxy:
    """
    Passes on what clients and the server at `behind` (a port) say.

    `hears(name, message)` gets each message of a client. Where it returns true, the message still reaches the server,
    but its answer is kept in `withheld` and the connection is cut.
    """

    def __init__(self, behind, hears):
        self.behind, self.hears, self.withheld, self.port = behind, hears, [], 0

    @property
    def uri(self):
        """The address for clients."""
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def succeeded(self):
        """Whether the server had done all that it was asked where a connection was cut."""
        return all(answer[3] == SUCCESS for answer in self.withheld)

    def answer(self, client, _):
        """Serve one client until either side hangs up."""
        cut, stream = threading.Event(), client.makefile("rb")
        with socket.create_connection(("127.0.0.1", self.behind)) as server:
            server.sendall(stream.read(20))
            version = server.recv(4, socket.MSG_WAITALL)
            client.sendall(version)
            back = threading.Thread(target=self._pass_back, args=[server, client, cut], daemon=True)
            back.start()
            if version == _MANIFEST:
                server.sendall(stream.read(5))
            with suppress(OSError):
                while message := _message(stream):
                    if self.hears(MESSAGES.get(message[3], "?"), message):
                        cut.set()
                    server.sendall(message)
                    if cut.is_set():
                        back.join()
                        break
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass_back(self, server, client, cut):
        with suppress(OSError):
            while data := server.recv(65536):
                if cut.is_set():
                    self.withheld.append(data)
                    break
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)


def _message(stream):
    """Give the next message with the headers of its parts; empty at the end."""
    message = b""
    while header := stream.read(2):
        message += header
        size = int.from_bytes(header, "big")
        if size == 0 and len(message) > len(header):
            return message
        if size == 0:
            message = b""  # a sign of life between messages
        message += stream.read(size)
    return b""


class Commits:
    """Hears the commits of the writer's passes; calls `at(stage, number)` before each, from 1 on for each stage."""

    def __init__(self, at):
        self.at, self.counts, self.stages, self._lock = at, Counter(), {}, threading.Lock()

    def __call__(self, name, message):
        """Give what `at` gives at a COMMIT."""
        connection = threading.get_ident()  # each has its own
        if name == "BEGIN":
            self.stages[connection] = _text_after(message, b"\x85stage")
        if name != "COMMIT" or not self.stages.get(connection):
            return False
        with self._lock:
            stage = self.stages[connection]
            self.counts[stage] += 1
            return self.at(stage, self.counts[stage])


def _text_after(message, key):
    """Give the short text that follows a key in a message."""
    _, found, rest = message.partition(key)
    if not found:
        return ""
    size, at = (rest[1], 2) if rest[0] == 0xD0 else (rest[0] - 0x80, 1)
    return rest[at : at + size].decode()


@contextmanager
def in_front_of(server, hears=lambda _name, _message: False):
    """Run a proxy in front of a server of `dev.neo4j_server`."""
    proxy = BoltProxy(server.bolt_port, hears)
    with sockets.listening(proxy.answer, at_once=True) as proxy.port:
        yield proxy
