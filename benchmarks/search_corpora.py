"""The texts that `benchmarks.search` looks for: FAA narratives and generated removals, with their vectors."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from benchmarks.services import ROOT
from delta_neo4j.cli.session import local_session
from delta_neo4j.embedding.minilm import engines
from delta_neo4j.embedding.minilm.weights import WEIGHTS_SHA256
from delta_neo4j.mapping.file import read_mapping
from dev.sample_data import write_sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delta_neo4j.embedding.minilm.served import OpenVinoEncoder
    from delta_neo4j.mapping.plan import Mapping

CACHE = ROOT / ".local" / "benchmarks"  # the vectors, so that a second run embeds nothing
TEST_DATA = Path(os.environ.get("TEST_DATA", ROOT / ".." / "shared" / "data"))
NARRATIVES = TEST_DATA / "faa" / "maintenance_events.csv"
NAMES_A_PART = 20  # one removal in so many names a part number, which no other removal has
_PIECE = 4_096  # texts that the engine gets at once

Vectors = npt.NDArray[np.float32]  # a row a text, unit length


@dataclass(frozen=True)
class Corpus:
    """
    Rows with a text each, and the shipped mapping that loads them.

    `queries`: vectors of texts from which half of the words are left out. `parts`: the numbers that name one row.
    """

    name: str
    mapping: Mapping
    rows: list[dict[str, Any]]
    texts: list[str]
    vectors: Vectors
    queries: Vectors
    parts: list[str]

    @property
    def key(self) -> str:
        """The property of the key."""
        (key,) = self.mapping.tables[0].key
        return key.name

    @property
    def places(self) -> dict[Any, int]:
        """The place of each row by its key."""
        return {row[self.key]: place for place, row in enumerate(self.rows)}


def corpora(rows: int, queries: int) -> list[Corpus]:
    """Return both corpora; raise `ClickException` in one line if the FAA narratives are missing."""
    if not NARRATIVES.is_file():
        raise click.ClickException(f"no {NARRATIVES.name} in TEST_DATA/faa: set TEST_DATA to the folder with real data")
    with NARRATIVES.open(newline="", encoding="utf-8") as lines:
        events: list[dict[str, Any]] = [
            {name: value for name, value in row.items() if value} for row in csv.DictReader(lines)
        ]
    for event in events:
        event["event_date"] = dt.date.fromisoformat(event["event_date"])
    removals, parts = _removals(rows)
    return [
        _corpus("faa", read_mapping("maintenance_events"), events, queries),
        _corpus("removals", read_mapping("removals"), removals, queries, parts),
    ]


def _corpus(name: str, mapping: Mapping, rows: list[dict[str, Any]], queries: int, parts: Iterable[str] = ()) -> Corpus:
    texts = [row[mapping.tables[0].shown_text or ""] for row in rows]
    return Corpus(name, mapping, rows, texts, embedded(texts), embedded(disturbed(texts, queries)), list(parts))


def _removals(rows: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return generated removals with distinct texts in the order of their keys, and the part numbers in them."""
    spark = local_session()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-search-rows-") as folder:
            source = write_sample(spark, folder, rows=rows, distinct_texts=rows).removals
            frame = spark.read.format("delta").load(source).withColumnRenamed(":ID(RemovalEvent)", "removal_id")
            found: list[dict[Any, Any]] = frame.orderBy("removal_id").toPandas().to_dict("records")
    finally:
        spark.stop()
    parts = []
    for number, row in enumerate(found[::NAMES_A_PART]):
        parts.append(f"{40_000 + number * 13 % 50_000}-{100 + number % 900}")
        row["RMV_REA_TX"] += f"; P/N {parts[-1]} fitted"
    return found, parts


def disturbed(texts: list[str], count: int, seed: int = 7) -> list[str]:
    """Return `count` texts, drawn at random, each without half of its words."""
    random = np.random.default_rng(seed)
    made = []
    for place in random.choice(len(texts), size=min(count, len(texts)), replace=False):
        words = texts[place].split()
        kept = np.sort(random.choice(len(words), size=(len(words) + 1) // 2, replace=False))
        made.append(" ".join(words[number] for number in kept))
    return made


def embedded(texts: list[str]) -> Vectors:
    """Return the vectors of texts, from the product's OpenVINO engine or from the cache file of these texts."""
    digest = hashlib.sha256("\0".join([WEIGHTS_SHA256, *texts]).encode()).hexdigest()
    file = CACHE / f"vectors-{digest[:16]}.npy"
    if not file.is_file():
        pieces = (texts[at : at + _PIECE] for at in range(0, len(texts), _PIECE))
        vectors = np.concatenate([_encoder().encode(piece) for piece in pieces])
        CACHE.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, vectors)
        part.replace(file)
    found: Vectors = np.load(file)
    return found


@functools.cache
def _encoder() -> OpenVinoEncoder:
    from delta_neo4j.embedding.minilm.served import OpenVinoEncoder

    with engines.prepared(engines.OPENVINO) as engine:
        if engine.name != engines.OPENVINO:
            raise click.ClickException(str(engine.reason))
        return OpenVinoEncoder(engine.folder)
