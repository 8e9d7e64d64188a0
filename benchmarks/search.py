"""Measure how good and how fast searches are: `python -m benchmarks.search --json`.

Two corpora with real MiniLM vectors, the FAA narratives and generated removals with distinct texts, are in a Neo4j 5.26
and in a 2026 of their own, with the constraints and indexes that a load creates, once for each quantization of the
vector index that the server has. Searches go through the product's code on an open connection: look-up of the index,
count of the nodes, candidates, exact order, properties; beside them a plain driver asks for ids only. The vectors of
the queries are given: embedding a query is not part of any time here. Exact search is numpy over the same vectors.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.results import Round, versions, write_result
from benchmarks.search_answers import answered, known
from benchmarks.search_corpora import Corpus, Vectors, corpora
from benchmarks.search_latency import bare, latencies, settle
from benchmarks.services import own_neo4j
from delta_neo4j.graph import schema
from delta_neo4j.graph.bolt.unshown import Unshown
from delta_neo4j.graph.cypher import schema as schema_text
from delta_neo4j.graph.search import vector
from delta_neo4j.graph.search.opened import OpenedGraph, opened
from delta_neo4j.settings.connection import Connection
from dev.neo4j_install import full_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.search_latency import Search
    from benchmarks.target import Target
    from delta_neo4j.mapping.plan import Mapping

K = 10
SHIPPED = "shipped"  # the settings of the shipped mappings
SAME = 1e-6  # similarities of float32 vectors that differ by less are equal: duplicates of a text are equally right
BATCH = 1_000  # rows a transaction
TRIES = 2  # measurements of a latency, unless the first was quiet


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


def recall(found: list[int], similarities: Vectors, k: int = K) -> float:
    """
    Return the share of the `k` nearest texts that a search found.

    `found`: places of the hits. `similarities`: exact similarity of every text to the query. A hit counts if its text
    is as near as the k-th nearest.
    """
    k = min(k, len(similarities))
    least = np.partition(similarities, -k)[-k] - SAME
    return float(sum(similarities[place] >= least for place in found[:k]) / k)


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
            rows = Unshown({**row, "embedding": values} for row, values in pairs)
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


@contextmanager
def client(target: Target, corpus: Corpus) -> Iterator[Search]:
    """Open the graph as a search does, and yield the product's search."""
    with searched(target, corpus) as graph:
        yield lambda query: vector.nearest(graph, query, K)


def mean_recall(graph: OpenedGraph, corpus: Corpus) -> float:
    """Return recall@10 of the product's search, as the mean over the corpus's queries."""
    places = corpus.places
    shares = []
    for query in corpus.queries:
        found = [places[hit.key[0]] for hit in vector.nearest(graph, query, K)]
        shares.append(recall(found, corpus.vectors @ query))
    return round(float(np.mean(shares)), 4)


def rewritten(target: Target, corpus: Corpus) -> None:
    """
    Wait until Lucene has merged the index's segments, then write one vector twice.

    Searches go on in the old segments, which are many after a load, until the next write to the index.
    """
    settle(60)
    (table,) = corpus.mapping.tables
    write = f"MATCH (n:{table.labels[0]} {{`{corpus.key}`: $key}}) SET n.embedding = $vector"
    with target.driver() as driver, driver.session(database=target.database) as session:
        for place in (1, 0):
            vector = Unshown(corpus.vectors[place].tolist())
            session.run(write, key=corpus.rows[0][corpus.key], vector=vector).consume()


def measured(variant: Variant, texts: list[Corpus], folder: Path) -> Round:
    """Measure every corpus in a new server of the variant, `shipped` also after one more write, and a bare client."""
    found: Round = {}
    with own_neo4j(folder, full_version(variant.server)) as target:
        for corpus in [filled(target, corpus, variant) for corpus in texts]:
            found[f"{variant.server}_{variant.name}_{corpus.name}"] = _figures(target, corpus, variant.name == SHIPPED)
            if variant.name == SHIPPED:
                rewritten(target, corpus)
                found[f"{variant.server}_written_{corpus.name}"] = _figures(target, corpus) | _floor(target, corpus)
    for name, figures in found.items():
        print(f"{name}: {figures}", flush=True)
    return found


def _figures(target: Target, corpus: Corpus, answers: bool = False) -> dict[str, float]:
    """Return recall and latencies of the product's search; with `answers` also the shares of known answers."""
    with searched(target, corpus) as graph:
        figures: dict[str, float] = {"rows": len(corpus.rows), "queries": len(corpus.queries)}
        figures |= {"asked": vector.candidates(graph, K), "recall": mean_recall(graph, corpus)}  # warms the server up
        shares = answered(graph, corpus, known(corpus)) if answers else {}
    return figures | latencies(partial(client, target, corpus), corpus.queries, TRIES) | shares


def _floor(target: Target, corpus: Corpus) -> dict[str, float]:
    """Return the latencies of a bare client that asks for ten candidates, and for as many as the product."""
    with searched(target, corpus) as graph:
        index, asked = graph.vector_index["name"], vector.candidates(graph, K)
    figures: dict[str, float] = {}
    for number, name in ((K, "bare"), (asked, "bare_asked")):
        found = latencies(partial(bare, target, index, number, K), corpus.queries, TRIES)
        figures |= {f"{name}_{what}": figure for what, figure in found.items()}
    return figures


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
