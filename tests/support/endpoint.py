"""
A counting model server for tests of the pipeline: it speaks the real protocol and answers by real rules.

Vectors are a pure function of the text, so equality of graphs can be tested without a model; in front of a real
server (`forward`) it only counts. It misbehaves as real servers do: by `faults`, one a request, or by `answer`.
With `tokens` it wants one, and mints them for a service principal as a Databricks workspace does.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import socket
import struct
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import requests

DIMENSION = 384
PRINCIPAL = ("a-client", "a-client-secret")


@functools.cache
def vector_of(text):
    """Return the server's vector of a text: unit length, 384 float32."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one answer: its status, its rows, or the way it is sent."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    rows: Any = None  # callable(rows) -> rows
    reset: bool = False  # the connection is torn down instead of an answer
    drip: float = 0.0  # seconds between one byte and the next
    cut: int | None = None  # bytes of the body that are sent, with …
    honest: bool = True  # … their own count in the header, or that of the whole


class Endpoint:
    """The requests that a running server received, and the faults that it shall show."""

    def __init__(self, url):
        self.url = url
        self.host = url.removesuffix("/invocations")
        self.texts = []  # every text of every request answered with 200
        self.requests = 0
        self.lock = threading.Lock()
        self.answer = None  # callable(texts) -> (status, headers, body) or None for the true answer
        self.faults = deque()  # a Fault or None a request, until they are used up
        self.dimension = DIMENSION
        self.forms = ("dataframe_records",)  # that are taken; another is a 400
        self.seconds = 0.0  # that an answer takes
        self.under_way = self.most_at_once = 0
        self.arrivals = []  # (moment, texts) of every request
        self.tokens = None  # that are good; None wants none
        self.minted = 0
        self.token_life = 3600

    def true_rows(self, texts):
        """Return the vectors as they are sent."""
        return [vector_of(text)[: self.dimension].tolist() for text in texts]


@contextmanager
def serving(forward=None):
    """Serve until the block ends, with vectors of our own or those of the server at `forward`."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/invocations")
    Handler.endpoint, Handler.forward = endpoint, forward
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    endpoint: Endpoint
    forward = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        with suppress(ConnectionError):  # the client may be gone
            if self.path == "/oidc/v1/token":
                self._mint(parse_qs(content.decode()))
            else:
                self._invoke(json.loads(content))

    def _invoke(self, body):
        endpoint = self.endpoint
        (form, given), *_ = body.items()
        texts = [item["text"] if isinstance(item, dict) else item for item in given]
        with endpoint.lock:
            endpoint.requests += 1
            endpoint.arrivals.append((time.monotonic(), texts))
            endpoint.under_way += 1
            endpoint.most_at_once = max(endpoint.most_at_once, endpoint.under_way)
            fault = endpoint.faults.popleft() if endpoint.faults else None
        try:
            time.sleep(endpoint.seconds)  # the service time: none, unless a test asks for one
            if not self._authorised():
                self._send(403, {}, '{"error_code": "403", "message": "Invalid access token."}')
            elif form not in endpoint.forms:
                self._send(400, {}, '{"error_code": "BAD_REQUEST", "message": "Failed to parse input"}')
            else:
                self._answer(form, texts, body, fault)
        finally:
            with endpoint.lock:
                endpoint.under_way -= 1

    def _authorised(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        with self.endpoint.lock:
            return self.endpoint.tokens is None or (scheme == "Bearer" and token in self.endpoint.tokens)

    def _answer(self, form, texts, body, fault):
        endpoint = self.endpoint
        told = endpoint.answer(texts) if endpoint.answer else None
        if told is not None:
            self._send(*told)
        elif fault and (fault.reset or fault.status != requests.codes.ok):
            self._misbehave(fault, fault.body or "")
        else:
            if self.forward:
                passed = requests.post(self.forward, json=body, timeout=300)
                status, payload = passed.status_code, passed.text
            else:
                rows = endpoint.true_rows(texts)
                rows = fault.rows(rows) if fault and fault.rows else rows
                status, payload = 200, json.dumps(_shaped(form, rows))
            if fault:
                self._misbehave(fault, fault.body or payload)
            if fault is None or fault.rows:
                with endpoint.lock:
                    endpoint.texts.extend(texts)
            if fault is None:
                self._send(status, {}, payload)

    def _send(self, status, headers, payload):
        self._misbehave(Fault(status, headers), payload)

    def _misbehave(self, fault, payload):
        data = payload.encode()
        if fault.reset:
            self._reset()
            return
        self.send_response(fault.status)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        sent = data[: fault.cut]
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent if fault.honest else data)))
        self.end_headers()
        if fault.drip:
            for position in range(len(sent)):
                self.wfile.write(sent[position : position + 1])
                time.sleep(fault.drip)  # a slow server is what is played
        else:
            self.wfile.write(sent)
        if len(sent) < len(data) and not fault.honest:
            self.close_connection = True

    def _reset(self):
        # Lingering for no time makes closing a reset, as of a process that was killed.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.wfile = self.rfile = _Nowhere()

    def _mint(self, form):
        endpoint = self.endpoint
        basic = "Basic " + base64.b64encode(":".join(PRINCIPAL).encode()).decode()
        if self.headers.get("Authorization") != basic:
            self._send(401, {}, '{"error": "invalid_client", "error_description": "Client authentication failed"}')
            return
        assert form == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}
        with endpoint.lock:
            endpoint.minted += 1
            token = f"token-{endpoint.minted}"
            endpoint.tokens = {token}
        self._send(
            200, {}, json.dumps({"access_token": token, "expires_in": endpoint.token_life, "token_type": "Bearer"})
        )


class _Nowhere:
    """The far end of a connection that was reset."""

    closed = True

    def flush(self):
        pass

    def close(self):
        pass


def _shaped(form, rows):
    if form == "input":  # a foundation model: the order is in `index`
        return {
            "object": "list",
            "data": [{"index": place, "embedding": row} for place, row in reversed(list(enumerate(rows)))],
        }
    return {"predictions": rows}
