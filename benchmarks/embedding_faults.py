"""Measure what refusals cost the REST embedder: `python -m benchmarks.embedding_faults --json`.

The same texts go to a stand-in server that takes a fixed time for each request, once without refusals and once with one
request in twenty refused (429 and `Retry-After`). The server asks for the waits; only the time beyond them is the
client's.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import click

from benchmarks.results import Round, versions, write_result
from delta_neo4j.embedding.base import Calls
from delta_neo4j.embedding.rest.embedder import RestEmbedder
from delta_neo4j.embedding.rest.limits import RestLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = RestLimits()
_ROW = json.dumps([0.10000000149011612] * 384)


def _serve(pipe: Any, service_seconds: float, every: int, retry_after: float) -> None:
    """Serve in a process of its own, so that the client has its interpreter for itself; send the port."""
    arrived = iter(range(1, 1 << 62))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:  # http.server's name
            texts = self.rfile.read(int(self.headers["Content-Length"])).count(b'"text"')
            if every and next(arrived) % every == 0:
                self._send(429, b"busy", {"Retry-After": f"{retry_after:g}"})
                return
            time.sleep(service_seconds)
            self._send(200, f'{{"predictions": [{", ".join([_ROW] * texts)}]}}'.encode(), {})

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def _serving(*options: float) -> Iterator[str]:
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(its, *options), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/invocations"
    finally:
        process.terminate()
        process.join()


def _embed(requests: int, *options: float) -> dict[str, float]:
    texts = [f"text {number}" for number in range(requests * LIMITS.texts_per_request)]
    with _serving(*options) as url:
        embedder, calls = RestEmbedder(url, "stand-in"), Calls()
        list(embedder.embed_texts(texts[: LIMITS.texts_per_request], Calls()))
        began = time.monotonic()
        answered = {answer.text for answer in embedder.embed_texts(texts, calls) if answer.fault is None}
        seconds = time.monotonic() - began
    if len(answered) != len(texts):
        raise RuntimeError(f"{len(texts)} texts, {len(answered)} answered")
    return {
        "seconds": round(seconds, 2),
        "rows_per_second": round(len(texts) / seconds, 1),
        "calls": calls.calls,
        "retries": calls.retries,
    }


def _beyond(one: Round, retry_after: float) -> float:
    """Return the share of time beyond the waits, which run in parallel: each holds one of the client's places."""
    waits = one["refused"]["retries"] * retry_after / LIMITS.concurrency
    return (one["refused"]["seconds"] - waits) / one["plain"]["seconds"] - 1


@click.command()
@click.option("--requests", default=800, show_default=True, help="Requests' worth of texts.")
@click.option("--service-seconds", default=0.1, show_default=True, help="Time the server takes for a request.")
@click.option("--retry-after", default=1.0, show_default=True, help="Seconds that a refusal asks for.")
@click.option("--rounds", default=3, show_default=True, help="Passes with and without refusals.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(requests: int, service_seconds: float, retry_after: float, rounds: int, as_json: bool) -> None:
    """Measure what one refusal in twenty costs beyond the waits it asks for."""
    measured = [
        {
            "plain": _embed(requests, service_seconds, 0, 0),
            "refused": _embed(requests, service_seconds, 20, retry_after),
        }
        for _ in range(rounds)
    ]
    beyond = [_beyond(one, retry_after) for one in measured]
    result = write_result(
        "embedding_faults",
        rounds=measured,
        rates={name: statistics.median(one[name]["rows_per_second"] for one in measured) for name in measured[0]},
        ratios={
            "rest_refused": round(statistics.median(beyond), 3),
            "rest_refused_worst": round(max(beyond), 3),
        },
        versions=versions(),
    )
    if as_json:
        print(json.dumps(result))
        return
    for name, rate in result["rates"].items():
        print(f"{name}: {rate:,.0f} texts/s")
    print(f"time beyond the waits asked for: {result['ratios']['rest_refused']:+.1%}")


if __name__ == "__main__":
    main()
