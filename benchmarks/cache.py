"""Measure the look-up of a micro-batch in a large embedding cache: `python -m benchmarks.cache --json`.

The cache has five million texts of a model in parts of 50,000. The benchmark looks up a micro-batch of 20,000 distinct
texts and reads their vectors: once with texts that were embedded together (one part), once with texts from all parts,
which is the worst case.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812

from benchmarks.results import versions, write_result
from delta_neo4j.cli.session import local_session
from delta_neo4j.embedding.cache import TABLE, EmbeddingCache, Vectors, new_part
from delta_neo4j.embedding.compaction import PART_TEXTS
from delta_neo4j.state.tables import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

MODEL, DIMENSION, WANTED = "model", 384, 20_000
MEGABYTE = 1_000_000


def _with_vectors(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        drawn = np.random.default_rng(int(batch.column("id")[0].as_py())).standard_normal((len(batch), 384))
        packed = pa.array([row.tobytes() for row in drawn.astype("<f4")], pa.binary())
        yield pa.RecordBatch.from_arrays([batch.column("id"), packed], names=["id", "embedding"])


def _hash(number: Any) -> Any:
    return F.sha2(number.cast("string"), 256)


def fill(spark: SparkSession, state: State, texts: int) -> None:
    """Write the cache as flushes would, with one commit for each part."""
    for start in range(0, texts, PART_TEXTS):
        numbers = spark.range(start, min(start + PART_TEXTS, texts), numPartitions=2)
        rows = numbers.mapInArrow(_with_vectors, "id BIGINT, embedding BINARY")
        key = F.unhex(_hash(F.col("id")))
        columns = [F.lit(MODEL).alias("model_id"), F.lit(new_part()).alias("part"), key.alias("text_hash")]
        state.append(rows.select(*columns, "embedding", F.lit(9).alias("tokens")).coalesce(1), TABLE)


def look_up(spark: SparkSession, cache: EmbeddingCache, wanted: DataFrame, path: str) -> dict[str, float]:
    """Look up texts and read their vectors as a micro-batch does; return seconds, megabytes read and parts."""
    read, began = _bytes_read(spark), time.monotonic()
    version = cache.version(spark)
    cache.look_up(wanted, WANTED, version).write.mode("overwrite").parquet(path)
    found = spark.read.parquet(path)
    parts = tuple(sorted(row["part"] for row in found.select("part").distinct().collect()))
    keys_read, keys_seconds = _bytes_read(spark) - read, time.monotonic() - began
    vectors = cache.of(Vectors(found, WANTED, version, parts))
    count = vectors.where(F.length("vector") == 4 * DIMENSION).count()
    if count != WANTED:
        raise RuntimeError(f"{count} vectors of {WANTED}")
    return {
        "seconds": round(time.monotonic() - began, 2),
        "key_seconds": round(keys_seconds, 2),
        "key_megabytes": round(keys_read / MEGABYTE, 1),
        "megabytes": round((_bytes_read(spark) - read) / MEGABYTE, 1),
        "parts": len(parts),
    }


def _bytes_read(spark: SparkSession) -> int:
    context = spark.sparkContext._jsc.sc()  # noqa: SLF001  # Spark counts it; Python has no call for it
    context.listenerBus().waitUntilEmpty()
    executors = context.statusStore().executorList(True)  # Scala's signature
    return sum(executors.apply(number).totalInputBytes() for number in range(executors.size()))


@click.command()
@click.option("--texts", default=5_000_000, show_default=True, help="Texts in the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")
def main(texts: int, as_json: bool) -> None:
    """Measure what a look-up reads, and how long it takes, in a cache of many texts."""
    spark = local_session()
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as folder:
        state = State(f"{folder}/state")
        fill(spark, state, texts)
        cache = EmbeddingCache(state, MODEL)
        one_part = spark.range(texts // 2, texts // 2 + WANTED)
        strewn = spark.range(0, texts, texts // WANTED).limit(WANTED)
        measured = {
            name: look_up(spark, cache, ids.select(_hash(F.col("id")).alias("text_hash")), f"{folder}/found")
            for name, ids in (("warm_up", one_part), ("together", one_part), ("strewn", strewn))
        }
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))
    measured["cache"] = {"texts": texts, "megabytes": round(size / MEGABYTE, 1)}
    rates = {name: round(WANTED / measured[name]["seconds"], 1) for name in ("together", "strewn")}
    share = {f"read_{name}": round(measured[name]["megabytes"] * MEGABYTE / size, 4) for name in rates}
    result = write_result("cache", rounds=[measured], rates=rates, ratios=share, versions=versions())
    print(json.dumps(result) if as_json else "\n".join(f"{name}: {found}" for name, found in measured.items()))


if __name__ == "__main__":
    main()
