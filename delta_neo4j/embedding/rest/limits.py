"""How the REST client cuts, paces and bounds its requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RestLimits:
    """Sizes (texts, bytes) and times (seconds) of the requests to one endpoint; tests pass another value."""

    texts_per_request: int = 128  # throughput is flat from 64 to 256 on a CPU; a smaller request loses less to a fault
    bytes_per_request: int = 1_000_000  # of JSON; the strictest Databricks endpoint takes 4 MB and logs 1 MB at most
    concurrency: int = 4  # two requests keep a one-worker server busy while the client decodes; more only queue there
    flush_texts: int = 2_048  # per append to the cache
    attempts: int = 5  # for faults of the server; a wait that the server asks for costs no attempt
    attempts_of_a_part: int = 2  # after the request it was part of has failed
    first_pause: float = 0.5  # the upper bound of a pause doubles with each attempt; the pause is drawn below it
    longest_pause: float = 20.0
    shortest_pause: float = 0.05  # a server may answer `Retry-After: 0` for minutes
    request_seconds: float = 310.0  # for the whole answer; Databricks ends a request after 297
    token_seconds: float = 30.0
