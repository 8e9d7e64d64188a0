"""A server that speaks as much Bolt as the driver needs, and fails as it is told: a real Neo4j does not on demand."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager

from tests.support import sockets

MESSAGES = {
    0x01: "HELLO", 0x6A: "LOGON", 0x02: "GOODBYE", 0x0F: "RESET", 0x10: "RUN", 0x11: "BEGIN", 0x12: "COMMIT",
    0x13: "ROLLBACK", 0x2F: "DISCARD", 0x3F: "PULL", 0x66: "ROUTE",
}  # fmt: skip
SUCCESS, RECORD, IGNORED, FAILURE = 0x70, 0x71, 0x7E, 0x7F
HANG_UP = "hang up"


def _packed(value):
    """Pack text, a number, a list or a map as PackStream does."""
    match value:
        case int():
            return b"\xcb" + struct.pack(">q", value)
        case str():
            data = value.encode()
            return b"\xd1" + struct.pack(">H", len(data)) + data
        case list():
            return b"\xd5" + struct.pack(">H", len(value)) + b"".join(map(_packed, value))
        case dict():
            pairs = b"".join(_packed(key) + _packed(each) for key, each in value.items())
            return b"\xd9" + struct.pack(">H", len(value)) + pairs
    raise TypeError(value)


def _text(message):
    """Give the statement of a RUN message."""
    marker = message[2]
    at, length = 3, marker - 0x80
    if marker in (0xD0, 0xD1):
        width = marker - 0xCF
        at, length = 3 + width, int.from_bytes(message[3 : 3 + width], "big")
    return message[at : at + length].decode()


class BoltServer:
    """
    Gives each statement one record, and fails where `fails(message, text)` gives a code of Neo4j, or `HANG_UP`.

    `roles`: what a routing table says of this server. `asked`: each message with its statement.
    """

    def __init__(self, fails, roles=("ROUTE", "READ", "WRITE")):
        self.fails, self.roles, self.asked, self.port = fails, roles, [], 0

    def uri(self, scheme="bolt"):
        """Give the address."""
        return f"{scheme}://127.0.0.1:{self.port}"

    def answer(self, connection, _):
        """Speak Bolt 5.4 with one client until it hangs up."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        stream.read(20)
        connection.sendall(b"\x00\x00\x04\x05")
        failed = False
        while message := self._message(stream):
            name = MESSAGES.get(message[1], "?")
            text = _text(message) if name == "RUN" else ""
            if name == "GOODBYE":
                return
            failed = failed and name != "RESET"
            if failed:
                self._send(connection, IGNORED)
                continue
            self.asked.append((name, text))
            fault = self.fails(name, text)
            if fault == HANG_UP:
                return
            if fault:
                failed = True
                self._send(connection, FAILURE, {"code": fault, "message": f"the server says {fault.split('.')[-1]}"})
            else:
                self._succeed(connection, name)

    def _succeed(self, connection, name):
        if name == "PULL":
            self._send(connection, RECORD, ["an-id"])
        self._send(connection, SUCCESS, {
            "HELLO": {"server": "Neo4j/5.26.0", "connection_id": "bolt-1"},
            "RUN": {"fields": ["id"]},
            "ROUTE": {"rt": {"ttl": 0, "db": "neo4j", "servers": [
                {"role": role, "addresses": [f"127.0.0.1:{self.port}"] if role in self.roles else []}
                for role in ("ROUTE", "READ", "WRITE")
            ]}},
        }.get(name, {}))  # fmt: skip

    @staticmethod
    def _message(stream):
        message = b""
        while header := stream.read(2):
            size = int.from_bytes(header, "big")
            if size == 0 and message:
                return message
            message += stream.read(size)
        return b""

    @staticmethod
    def _send(connection, tag, *fields):
        data = bytes([0xB0 + len(fields), tag]) + b"".join(map(_packed, fields))
        connection.sendall(struct.pack(">H", len(data)) + data + b"\x00\x00")


@contextmanager
def serving(fails, **options):
    """Run such a server on a free port."""
    server = BoltServer(fails, **options)
    with sockets.listening(server.answer, at_once=True) as server.port:
        yield server
