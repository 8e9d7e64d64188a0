"""Long texts cut into chunks by the model's tokens; each chunk is an exact part of its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pyspark.sql import DataFrame

    from delta_neo4j.mapping.plan import Chunks

_CUT = "text_hash STRING, count INT, index INT, chunk STRING"


@dataclass(frozen=True)
class Cutter:
    """Cuts texts in `mapInArrow`. `tokenizer` is the tokenizer as JSON, which can be pickled to the workers."""

    tokenizer: str
    tokens: int
    overlap: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Turn (`text_hash`, `text`) into a row per chunk: (`text_hash`, `count` of chunks, `index`, `chunk`)."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer)
        for batch in batches:
            rows = []
            for key, text in zip(batch.column("text_hash").to_pylist(), batch.column("text").to_pylist(), strict=True):
                chunks = self.cut(tokenizer, text)
                rows += [(key, len(chunks), index, chunk) for index, chunk in enumerate(chunks)]
            kinds = {"text_hash": pa.string(), "count": pa.int32(), "index": pa.int32(), "chunk": pa.string()}
            columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
            arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, names=list(kinds))

    def cut(self, tokenizer: Any, text: str) -> list[str]:
        """Return the chunks of a text, in order; together they hold all its tokens."""
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        if len(offsets) <= self.tokens:
            return [text]
        chunks = []
        for first in range(0, len(offsets) - self.overlap, self.tokens - self.overlap):
            window = offsets[first : first + self.tokens]
            chunks.append(text[window[0][0] : window[-1][1]])
        return chunks


def cut(texts: DataFrame, chunks: Chunks, tokenizer: str, path: str) -> DataFrame:
    """
    Cut each distinct one of `texts` (`text_hash`, `text`) and write the chunks to `path`.

    Returns a row per chunk: `text_hash`, `count`, `index`, `chunk`, `chunk_hash`. Each row has the count of all chunks
    of its text, so that a lost one is noticed.
    """
    distinct = texts.groupBy("text_hash").agg(F.first("text").alias("text"))
    cut_texts = distinct.mapInArrow(Cutter(tokenizer, chunks.tokens, chunks.overlap), _CUT)
    cut_texts = cut_texts.withColumn("chunk_hash", F.sha2("chunk", 256))
    cut_texts.write.mode("overwrite").parquet(path)
    return texts.sparkSession.read.schema(cut_texts.schema).parquet(path)


def as_texts(texts: DataFrame, chunks: Chunks, tokenizer: str, path: str) -> DataFrame:
    """Return the chunks of `texts` as texts: `text_hash` and `text` are the chunk's, other columns the text's."""
    cut_texts = cut(texts, chunks, tokenizer, path).drop("count", "index")
    joined = texts.drop("text").join(cut_texts, "text_hash").drop("text_hash")
    return joined.withColumnsRenamed({"chunk_hash": "text_hash", "chunk": "text"})
