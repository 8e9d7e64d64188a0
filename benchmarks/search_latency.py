"""What a search costs: its latency, and the CPU time of the server and of the clients."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from delta_neo4j.graph.bolt.unshown import Unshown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from benchmarks.search_corpora import Vectors
    from benchmarks.target import Target

    Search = Callable[[Vectors], object]
    Opened = Callable[[], AbstractContextManager[Search]]  # a client, which opens its own connection

CLIENTS = (1, 8)
QUIET_PERCENT = 10
BARE = (  # the least that a client can ask for: of the rows only their ids
    "CALL db.index.vector.queryNodes($index, $asked, $vector) YIELD node, score "
    "RETURN elementId(node) AS id, score LIMIT $limit"
)


@contextmanager
def bare(target: Target, index: str, asked: int, limit: int) -> Iterator[Search]:
    """Open a plain driver and yield a search that asks the index for so many candidates and returns `limit` ids."""
    with target.driver() as driver, driver.session(database=target.database) as session:

        def search(query: Vectors) -> list[dict[str, Any]]:
            values = Unshown(query.tolist())
            return session.run(BARE, index=index, asked=asked, vector=values, limit=limit).data()

        yield search


def latencies(opened: Opened, queries: Vectors, most: int) -> dict[str, float]:
    """
    Return the figures with 1 and with 8 clients, of the quietest of at most `most` measurements each.

    Other programs lengthen every search, so their share of the CPU is one of the figures.
    """
    figures: dict[str, float] = {}
    for clients in CLIENTS:
        tries: list[dict[str, float]] = []
        while len(tries) < most and all(each["others_percent"] > QUIET_PERCENT for each in tries):
            settle()
            tries.append(_measured(opened, queries, clients))
        quietest = min(tries, key=lambda each: each["others_percent"])
        figures |= {f"{name}_{clients}": figure for name, figure in quietest.items()}
    return figures


def settle(seconds: int = 10) -> None:
    """Wait up to so many seconds until the server has ended its work on the index."""
    deadline = time.monotonic() + seconds
    while psutil.cpu_percent(interval=2) > QUIET_PERCENT and time.monotonic() < deadline:
        continue


def percentile(seconds: list[float], share: float) -> float:
    """Return a percentile of times in milliseconds."""
    return round(1_000 * float(np.quantile(seconds, share)), 1)


def _measured(opened: Opened, queries: Vectors, clients: int) -> dict[str, float]:
    """
    Return the figures of clients that search at once; each is a thread of this process and asks all queries in turn.

    p50 and p95 in milliseconds, searches a second, milliseconds of CPU a search of the server and of the clients, and
    others' share of the CPU in percent.
    """
    times: list[list[float]] = [[] for _ in range(clients)]
    together = threading.Barrier(clients + 1)

    def ask(number: int) -> None:
        with opened() as search:
            search(queries[0])
            together.wait()
            for query in np.roll(queries, number * len(queries) // clients, axis=0):
                began = time.perf_counter()
                search(query)
                times[number].append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    together.wait(timeout=60)
    began, before = time.perf_counter(), _cpu_seconds()
    for thread in threads:
        thread.join()
    spent, cpu = time.perf_counter() - began, _cpu_seconds() - before
    everything = [each for client in times for each in client]
    whole, client, server = (float(each) for each in cpu)
    others = whole - client - server
    return {
        "p50_ms": percentile(everything, 0.5),
        "p95_ms": percentile(everything, 0.95),
        "per_second": round(len(everything) / spent, 1),
        "server_cpu_ms": round(1_000 * server / len(everything), 2),
        "client_cpu_ms": round(1_000 * client / len(everything), 2),
        "others_percent": max(0.0, round(100 * others / spent / (psutil.cpu_count() or 1), 1)),
    }


def _cpu_seconds() -> Vectors:
    """Return the CPU seconds of the machine, of this process, and of the processes that it started (the server)."""
    whole, this = psutil.cpu_times(), psutil.Process()
    own, *started = (each.user + each.system for each in map(psutil.Process.cpu_times, (this, *this.children(True))))
    return np.array([sum(whole) - whole.idle - whole.iowait, own, sum(started)])
