"""The rows for every writer of a benchmark: one Parquet folder of removals, one Parquet file of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dev.sample_data import SampleTables, write_sample

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

DIMENSION = 384
_VECTORS_A_GROUP = 20_000


@dataclass(frozen=True)
class BenchmarkRows:
    """`removals`: the sample's columns with the key as `removal_id`. `vectors`: `text`, `embedding`.

    `tables` are the Delta tables that the removals come from. Each distinct text has one vector: unit
    length, float32, drawn at random (what a write costs does not depend on the meaning).
    """

    tables: SampleTables
    removals: Path
    vectors: Path
    count: int
    distinct_texts: int


def prepare_rows(spark: SparkSession, folder: Path, *, rows: int, distinct_texts: int) -> BenchmarkRows:
    """Write the sample's Delta tables and both Parquet forms below `folder`, which must be new or empty."""
    tables = write_sample(spark, str(folder / "delta"), rows=rows, distinct_texts=distinct_texts)
    removals = folder / "removals"
    frame = spark.read.format("delta").load(tables.removals)
    frame.withColumnRenamed(":ID(RemovalEvent)", "removal_id").write.parquet(str(removals))
    vectors = folder / "vectors.parquet"
    _write_vectors(pq.read_table(removals, columns=["RMV_REA_TX"])["RMV_REA_TX"].unique(), vectors)
    return BenchmarkRows(tables, removals, vectors, rows, min(distinct_texts, rows))


def _write_vectors(texts: pa.Array, path: Path) -> None:
    schema = pa.schema({"text": pa.string(), "embedding": pa.list_(pa.float32(), DIMENSION)})
    random = np.random.default_rng(7)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(texts), _VECTORS_A_GROUP):
            part = texts.slice(start, _VECTORS_A_GROUP)
            drawn = random.standard_normal((len(part), DIMENSION), dtype=np.float32)
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(drawn.reshape(-1)), DIMENSION)
            writer.write_table(pa.table([part, vectors], schema=schema))
