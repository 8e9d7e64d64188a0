"""
Embedding over REST: a Databricks endpoint or `mlflow models serve`.

The process that runs the micro-batch sends the requests, a few at a time. So one place holds the token, obeys
`Retry-After` and bounds the concurrency for a cluster of any size, and Spark tasks need no network.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from delta_neo4j.embedding.base import Calls, Embedded, requests_of
from delta_neo4j.embedding.minilm.weights import MAX_TOKENS
from delta_neo4j.embedding.rest.client import Client
from delta_neo4j.embedding.rest.limits import RestLimits
from delta_neo4j.embedding.rest.payload import weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

    from delta_neo4j.embedding.rest.login import Login


@dataclass(frozen=True)
class RestEmbedder:
    """
    An endpoint by its whole URL. It pickles with its token and login; `repr` shows neither.

    `wait_seconds` is the longest wait for a busy endpoint, counted from its last answer. From the first answer on,
    `settled` has under "form" the request form that the endpoint accepts. The probe gets that answer, and the form is
    pickled with the embedder. So if a later request is refused, a text is the cause and not the form. Under "texts"
    it has the number of texts that the endpoint takes in a request, if that is below `limits.texts_per_request`.
    """

    url: str = field(repr=False)
    name: str
    token: str | None = field(default=None, repr=False)
    wait_seconds: float = 600.0
    login: Login | None = None
    limits: RestLimits = field(default_factory=RestLimits, repr=False)
    settled: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    strategy = "rest"
    max_tokens = MAX_TOKENS

    @property
    def model_name(self) -> str:
        """The endpoint's name."""
        return self.name

    @property
    def call_texts(self) -> int:
        """Texts per request, as far as the endpoint is known to take them."""
        return int(self.settled.get("texts", self.limits.texts_per_request))

    @property
    def flush_texts(self) -> int:
        """Texts per append to the cache."""
        return self.limits.flush_texts

    @property
    def address(self) -> str:
        """The URL without its query, which may hold a key."""
        return self.url.partition("?")[0]

    def embed(self, spark: SparkSession, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:  # noqa: ARG002
        """Return each text once, in the order of the answers; see `embed_texts`."""
        return self.embed_texts(texts, calls)

    def embed_texts(self, texts: Iterable[str], calls: Calls) -> Iterator[Embedded]:
        """
        Yield each text once, in the order of the answers, with `limits.concurrency` requests under way.

        When a request fails for good, no further one is sent. The answers of the requests under way are paid for:
        they are yielded, then SettingsError or EndpointUnavailableError is raised.
        """
        limits = self.limits
        client = self._client(calls)
        waiting = requests_of(texts, limits.texts_per_request, limits.bytes_per_request, weight)
        under_way: set[Future[list[Embedded]]] = set()
        pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="embed")
        try:
            while True:
                # As many requests again wait in the pool: a thread that is done has its next one at once.
                places = 0 if client.failure else 2 * limits.concurrency - len(under_way)
                under_way |= {pool.submit(client.embed, request) for request in islice(waiting, places)}
                if not under_way:
                    break
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()
            if client.failure:
                raise client.failure
        finally:
            client.close()
            pool.shutdown(wait=False, cancel_futures=True)

    def _client(self, calls: Calls) -> Client:
        return Client(
            url=self.url,
            name=self.name,
            token=self.token,
            login=self.login,
            wait_seconds=self.wait_seconds,
            limits=self.limits,
            settled=self.settled,
            calls=calls,
        )
