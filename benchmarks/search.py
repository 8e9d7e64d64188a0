"""Measure how good and how fast searches are: `python -m benchmarks.search --json`.

Two corpora with real MiniLM vectors, the FAA narratives and generated removals with distinct texts, are in a Neo4j 5.26
and in a 2026 of their own, with the constraints and indexes that a load creates, once for each quantization of the
vector index that the server has. Searches go through the product's code on an open connection: look-up of the index,
count of the nodes, candidates, exact order, properties. The vectors of the queries are given: embedding a query is not
part of any time here. Exact search is numpy over the same float32 vectors.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import psutil

from benchmarks.results import Round, versions, write_result
from benchmarks.search_answers import answered, known
from benchmarks.search_corpora import Corpus, Vectors, corpora
from benchmarks.services import own_neo4j
from delta_neo4j.graph import schema
from delta_neo4j.graph.cypher import schema as schema_text
from delta_neo4j.graph.search import vector
from delta_neo4j.graph.search.opened import OpenedGraph, opened
from delta_neo4j.settings.connection import Connection
from dev.neo4j_install import full_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.target import Target
    from delta_neo4j.graph.search.hits import Hit
    from delta_neo4j.mapping.plan import Mapping

K = 10
SHIPPED = "shipped"  # the settings of the shipped mappings
SAME = 1e-6  # similarities of float32 vectors that differ by less are equal: duplicates of a text are equally right
CLIENTS = (1, 8)
BATCH = 1_000  # rows a transaction
QUIET_PERCENT, SETTLING_SECONDS = 10, 10


@dataclass(frozen=True)
class Variant:
    """
    Settings of a vector index: `enabled` is the mapping's `quantization`, `kind` an option that no mapping sets.

    Shipped, 5.26 quantizes to bytes and 2026.09 to bits (BINARY, which `quantization: true` is there too).
    """

    server: str
    name: str
    enabled: bool | None = None
    kind: str = ""


VARIANTS = (
    Variant("5.26", SHIPPED),
    Variant("2026", SHIPPED),
    Variant("5.26", "off", enabled=False),
    Variant("2026", "off", enabled=False),
    Variant("2026", "scalar", kind="SCALAR"),
)


class _Rows(list[dict[str, object]]):
    """Rows as a parameter. The driver formats every parameter for a debug line, on or off: keep it short."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


def recall(found: list[int], similarities: Vectors, k: int = K) -> float:
    """
    Return the share of the `k` nearest texts that a search found.

    `found`: places of the hits. `similarities`: exact similarity of every text to the query. A hit counts if its text
    is as near as the k-th nearest.
    """
    k = min(k, len(similarities))
    least = np.partition(similarities, -k)[-k] - SAME
    return float(sum(similarities[place] >= least for place in found[:k]) / k)


def percentile(seconds: list[float], share: float) -> float:
    """Return a percentile of times in milliseconds."""
    return round(1_000 * float(np.quantile(seconds, share)), 1)


def planned(mapping: Mapping, variant: Variant) -> Mapping:
    """Return the mapping with the variant's quantization."""
    (table,) = mapping.tables
    if table.embedding is None:
        raise ValueError(f"{mapping.name} has no embedding")
    index = replace(table.embedding.index, quantization=variant.enabled)
    return replace(mapping, tables=(replace(table, embedding=replace(table.embedding, index=index)),))


def filled(target: Target, corpus: Corpus, variant: Variant) -> Corpus:
    """Create constraints and indexes as a load does, write the rows; return the corpus with the variant's mapping."""
    mapping = planned(corpus.mapping, variant)
    (table,) = mapping.tables
    with target.driver() as driver, driver.session(database=target.database) as session:
        if variant.kind and table.embedding:
            statement = schema_text.create_vector_index(
                table.labels[0], table.embedding.property, table.embedding.index
            )
            kind = f", `vector.quantization.type`: '{variant.kind}'}}}}"
            session.run(statement.removesuffix("}}") + kind).consume()
        schema.ensure(_connection(target), mapping)
        create = f"UNWIND $rows AS row CREATE (n:{':'.join(table.labels)}) SET n = row"
        for start in range(0, len(corpus.rows), BATCH):
            vectors = corpus.vectors[start : start + BATCH].tolist()
            pairs = zip(corpus.rows[start : start + BATCH], vectors, strict=True)
            rows = _Rows({**row, "embedding": values} for row, values in pairs)
            session.execute_write(lambda transaction, rows: transaction.run(create, rows=rows).consume(), rows)
        session.run("CALL db.awaitIndexes(600)").consume()
    return replace(corpus, mapping=mapping)


def _connection(target: Target) -> Connection:
    return Connection(target.uri, target.user, target.password, target.database)


@contextmanager
def searched(target: Target, corpus: Corpus) -> Iterator[OpenedGraph]:
    """Open the graph as a search does."""
    with opened(_connection(target), corpus.mapping.tables[0]) as graph:
        yield graph


def recalls(graph: OpenedGraph, corpus: Corpus) -> float:
    """Return recall@10 of the product's search, as the mean over the corpus's queries."""
    return _mean_recall(corpus, lambda query: vector.nearest(graph, query, K))


def _mean_recall(corpus: Corpus, search: Callable[[Vectors], list[Hit]]) -> float:
    places = corpus.places
    shares = []
    for query in corpus.queries:
        found = [places[hit.key[0]] for hit in search(query)]
        shares.append(recall(found, corpus.vectors @ query))
    return round(float(np.mean(shares)), 4)


def latency(target: Target, corpus: Corpus, clients: int, most: int) -> dict[str, float]:
    """Return the figures of the quietest of at most `most` measurements; others' programs lengthen every search."""
    tries: list[dict[str, float]] = []
    while len(tries) < most and all(each["others_percent"] > QUIET_PERCENT for each in tries):
        _settle()
        tries.append(_latency(target, corpus, clients))
    quietest = min(tries, key=lambda each: each["others_percent"])
    return {f"{name}_{clients}": figure for name, figure in quietest.items()}


def _settle() -> None:
    """Wait up to ten seconds until the server has ended its work on the index."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while psutil.cpu_percent(interval=2) > QUIET_PERCENT and time.monotonic() < deadline:
        continue


def _latency(target: Target, corpus: Corpus, clients: int) -> dict[str, float]:
    """Return p50 and p95 in milliseconds, searches a second, and others' share of the CPU: each client asks all."""
    times: list[list[float]] = [[] for _ in range(clients)]
    together = threading.Barrier(clients + 1)

    def ask(number: int) -> None:
        with searched(target, corpus) as graph:
            vector.nearest(graph, corpus.queries[0], K)
            together.wait()
            for query in np.roll(corpus.queries, number * len(corpus.queries) // clients, axis=0):
                began = time.perf_counter()
                vector.nearest(graph, query, K)
                times[number].append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    together.wait(timeout=60)
    began, before = time.perf_counter(), _others_seconds()
    for thread in threads:
        thread.join()
    spent, others = time.perf_counter() - began, _others_seconds() - before
    everything = [each for client in times for each in client]
    return {
        "p50_ms": percentile(everything, 0.5),
        "p95_ms": percentile(everything, 0.95),
        "per_second": round(len(everything) / spent, 1),
        "others_percent": max(0.0, round(100 * others / spent / (psutil.cpu_count() or 1), 1)),
    }


def _others_seconds() -> float:
    """Return the CPU seconds that were not spent by this process and its server."""
    whole, this = psutil.cpu_times(), psutil.Process()
    own = [each.cpu_times() for each in (this, *this.children(recursive=True))]
    return float(sum(whole) - whole.idle - whole.iowait - sum(each.user + each.system for each in own))


def measured(variant: Variant, texts: list[Corpus], folder: Path) -> Round:
    """Measure every corpus in a new server of the variant; `shipped` also answers the queries with known answers."""
    found: Round = {}
    with own_neo4j(folder, full_version(variant.server)) as target:
        written = [filled(target, corpus, variant) for corpus in texts]
        for corpus in written:
            with searched(target, corpus) as graph:
                figures: dict[str, float] = {"rows": len(corpus.rows), "queries": len(corpus.queries)}
                figures["recall"] = recalls(graph, corpus)  # which also warms the server up
                shares = answered(graph, corpus, known(corpus)) if variant.name == SHIPPED else {}
            for clients in CLIENTS:
                figures |= latency(target, corpus, clients, 2 if variant.name == SHIPPED else 1)
            found[f"{variant.server}_{variant.name}_{corpus.name}"] = figures | shares
            print(f"{variant.server} {variant.name} {corpus.name}: {figures | shares}", flush=True)
    return found


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Removals, each with a text of its own.")
@click.option("--queries", default=300, show_default=True, help="Queries a corpus; each client sends all of them.")
@click.option("--only", multiple=True, help="Variants to measure, such as 5.26-shipped; all without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(rows: int, queries: int, only: tuple[str, ...], as_json: bool) -> None:
    """Measure recall, latency and known answers of searches on both lines of Neo4j."""
    texts = corpora(rows, queries)
    everything: Round = {}
    for variant in VARIANTS:
        if not only or f"{variant.server}-{variant.name}" in only:
            with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
                everything |= measured(variant, texts, Path(folder))
    ratios = {f"recall_{name.replace(f'_{SHIPPED}', '')}": each["recall"] for name, each in everything.items()}
    servers = {f"neo4j_{each.server}": full_version(each.server) for each in VARIANTS}
    rates = {name: each["per_second_8"] for name, each in everything.items()}
    result = write_result("search", rounds=[everything], rates=rates, ratios=ratios, versions=versions(**servers))
    if as_json:
        print(json.dumps(result))
        return
    for name, each in everything.items():
        print(f"{name}: " + ", ".join(f"{what} {figure:,}" for what, figure in each.items()))


if __name__ == "__main__":
    main()
