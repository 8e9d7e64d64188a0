"""The embedding cache at a size: bounded look-ups, twins, two runs at once, compaction under a reader."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from delta_neo4j.embedding.cache import TABLE, EmbeddingCache, Vectors, new_part
from delta_neo4j.embedding.compaction import compact
from delta_neo4j.state.tables import State

MODEL = "model"
HASHES = "text_hash STRING"


def _hash(number):
    return hashlib.sha256(f"text {number}".encode()).digest()


def _vector(number):
    return np.random.default_rng(number).standard_normal(384).astype("<f4").tobytes()


@pytest.fixture
def cache(tmp_path):
    """An empty cache."""
    return EmbeddingCache(State(str(tmp_path / "state")), MODEL)


def _rows(numbers):
    return [(_hash(number), _vector(number), 9) for number in numbers]


def _wanted(spark, numbers):
    return spark.createDataFrame([(_hash(number).hex(),) for number in numbers], HASHES)


def _attached(spark, cache, numbers):
    """Look texts up and give {hash: vector}, as a micro-batch does."""
    texts, version = _wanted(spark, numbers), cache.version(spark)
    found = cache.look_up(texts, len(numbers), version).collect()
    parts = tuple(sorted({row["part"] for row in found if row["part"]}))
    vectors = Vectors(texts, len(numbers), version, parts)
    return {row["text_hash"]: row["vector"] for row in cache.attach(texts, vectors).collect()}


def _read_by_spark(spark):
    """Give the bytes that this session's tasks have read from tables."""
    context = spark.sparkContext._jsc.sc()
    context.listenerBus().waitUntilEmpty()
    executors = context.statusStore().executorList(True)
    return sum(executors.apply(number).totalInputBytes() for number in range(executors.size()))


@pytest.fixture(scope="module")
def large(spark, tmp_path_factory):
    """200,000 texts of 20 flushes, 310 MB."""
    state = State(str(tmp_path_factory.mktemp("large")))
    for part in range(20):
        numbers = range(part * 10_000, part * 10_000 + 10_000)
        drawn = np.random.default_rng(part).standard_normal((10_000, 384)).astype("<f4")
        rows = [(MODEL, f"{part:013d}-x", _hash(n), drawn[n % 10_000].tobytes(), 9) for n in numbers]
        state.append_rows(spark, "embeddings", rows)
    return EmbeddingCache(state, MODEL)


@pytest.mark.classic
def test_a_look_up_reads_the_keys_and_the_parts_it_needs(spark, large):
    """Of 200,000 texts, 5,000 that were embedded together: all keys (40 bytes each) and one part of twenty."""
    numbers = range(123_000, 128_000)
    before = _read_by_spark(spark)
    found = _attached(spark, large, numbers)
    read = _read_by_spark(spark) - before
    drawn = np.random.default_rng(12).standard_normal((10_000, 384)).astype("<f4")
    assert len(found) == 5_000
    assert all(found[_hash(n).hex()] == drawn[n % 10_000].tobytes() for n in numbers)
    whole = sum(file.stat().st_size for file in Path(large.state.location).rglob("*.parquet"))
    part = whole / 20
    assert part < read < 200_000 * 40 + 1.1 * part < whole / 8


def test_texts_that_are_not_there_have_no_vector(spark, cache):
    """An empty cache, and one without the text."""
    assert _attached(spark, cache, [1]) == {_hash(1).hex(): None}
    cache.append(spark, _rows([1]))
    assert _attached(spark, cache, [1, 2]) == {_hash(1).hex(): _vector(1), _hash(2).hex(): None}


def test_two_runs_at_once_lose_nothing_and_twins_read_as_one(spark, cache):
    """Both append the same texts and others; each text reads once, with its vector."""
    cache.append(spark, _rows([0]))
    halves = [range(60), range(40, 100)]

    def append(numbers):
        for at in (0, 20, 40):
            cache.append(spark, _rows(numbers[at : at + 20]))

    runs = [threading.Thread(target=append, args=(half,)) for half in halves]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert _attached(spark, cache, range(100)) == {_hash(n).hex(): _vector(n) for n in range(100)}


def test_compaction_drops_twins_and_merges_parts(spark, cache):
    """Afterwards each text stands once, in few parts, with its vector."""
    for numbers in (range(30), range(20, 50), range(50), range(45, 60)):
        cache.append(spark, _rows(numbers))
    (done,) = compact(spark, cache.state, settled_seconds=0)
    assert (done.parts_before, done.parts_after, done.twins) == (4, 1, 65)
    rows = cache.state.read(spark, TABLE)
    assert (rows.count(), rows.select("part").distinct().count()) == (60, 1)
    assert _attached(spark, cache, range(60)) == {_hash(n).hex(): _vector(n) for n in range(60)}
    (again,) = compact(spark, cache.state, settled_seconds=0)
    assert (again.parts_before, again.parts_after, again.twins) == (1, 1, 0)


def test_a_reader_that_looked_up_before_a_compaction_still_finds_its_vectors(spark, cache):
    """The look-up's version of the cache is what the vectors are read from."""
    for numbers in (range(10), range(10, 20)):
        cache.append(spark, _rows(numbers))
    texts, version = _wanted(spark, range(20)), cache.version(spark)
    parts = tuple(sorted({row["part"] for row in cache.look_up(texts, 20, version).collect()}))
    compact(spark, cache.state, settled_seconds=0)
    found = cache.attach(texts, Vectors(texts, 20, version, parts)).collect()
    assert {row["text_hash"]: row["vector"] for row in found} == {_hash(n).hex(): _vector(n) for n in range(20)}


def test_compaction_leaves_the_last_day_alone(spark, cache):
    """A part that a run may just have made is not moved."""
    cache.append(spark, _rows(range(5)))
    cache.append(spark, _rows(range(5)))
    assert compact(spark, cache.state) == []
    assert time.time() * 1000 > int(new_part().split("-")[0]) - 1000
