"""
A counting model server for tests of the pipeline: it speaks the real protocol and answers by real rules.

Vectors are a pure function of the text, so equality of graphs can be tested without a model; in front of a real
server (`forward`) it only counts. `answer` makes it misbehave as real servers do.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import requests

DIMENSION = 384


def vector_of(text):
    """Give the vector that the server answers for a text: unit length, 384 float32."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


class Endpoint:
    """What a running server was asked, and how it is to misbehave."""

    def __init__(self, url):
        self.url = url
        self.texts = []  # every text of every request answered with 200
        self.requests = 0
        self.lock = threading.Lock()
        self.answer = None  # callable(texts) -> (status, headers, body) or None for the true answer
        self.dimension = DIMENSION


@contextmanager
def serving(forward=None):
    """Serve until the block ends, with vectors of our own or those of the server at `forward`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            texts = [record["text"] for record in body["dataframe_records"]]
            with endpoint.lock:
                endpoint.requests += 1
            wrong = endpoint.answer(texts) if endpoint.answer else None
            if wrong is None and forward:
                passed = requests.post(forward, json=body, timeout=300)
                status, headers, payload = passed.status_code, {}, passed.text
                with endpoint.lock:
                    endpoint.texts.extend(texts)
            elif wrong is None:
                rows = [vector_of(text)[: endpoint.dimension].tolist() for text in texts]
                status, headers, payload = 200, {}, json.dumps({"predictions": rows})
                with endpoint.lock:
                    endpoint.texts.extend(texts)
            else:
                status, headers, payload = wrong
            data = payload.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/invocations")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
