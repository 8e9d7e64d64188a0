"""Long texts cut into pieces by the model's own tokens, each an exact part of its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from pyspark.sql import DataFrame

    from delta_neo4j.plan import Chunks

_CUT = "text_hash STRING, index INT, piece STRING"


@dataclass(frozen=True)
class Cutter:
    """The function of `mapInArrow` that cuts; `tokenizer` is the tokenizer's own JSON, which travels with it."""

    tokenizer: str
    tokens: int
    overlap: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Turn (`text_hash`, `text`) into (`text_hash`, `index`, `piece`)."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer)
        for batch in batches:
            hashes, indexes, pieces = [], [], []
            for key, text in zip(batch.column("text_hash").to_pylist(), batch.column("text").to_pylist(), strict=True):
                for index, piece in enumerate(self.cut(tokenizer, text)):
                    hashes.append(key)
                    indexes.append(index)
                    pieces.append(piece)
            arrays = [pa.array(hashes, pa.string()), pa.array(indexes, pa.int32()), pa.array(pieces, pa.string())]
            yield pa.RecordBatch.from_arrays(arrays, names=["text_hash", "index", "piece"])

    def cut(self, tokenizer: Any, text: str) -> list[str]:
        """Give the pieces of a text, in order; together they hold every token of it."""
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        if len(offsets) <= self.tokens:
            return [text]
        pieces = []
        for first in range(0, len(offsets) - self.overlap, self.tokens - self.overlap):
            window = offsets[first : first + self.tokens]
            pieces.append(text[window[0][0] : window[-1][1]])
        return pieces


def cut(texts: DataFrame, chunks: Chunks, tokenizer: str, path: str) -> DataFrame:
    """
    Cut each distinct one of `texts` (`text_hash`, `text`) and keep the pieces at `path`.

    Gives `text_hash`, `index`, `piece`, `piece_hash`: a row a piece of a text.
    """
    distinct = texts.groupBy("text_hash").agg(F.first("text").alias("text"))
    found = distinct.mapInArrow(Cutter(tokenizer, chunks.tokens, chunks.overlap), _CUT)
    found = found.withColumn("piece_hash", F.sha2("piece", 256))
    found.write.mode("overwrite").parquet(path)
    return texts.sparkSession.read.schema(found.schema).parquet(path)


def as_texts(texts: DataFrame, chunks: Chunks, tokenizer: str, path: str) -> DataFrame:
    """Give the pieces of `texts` as texts: `text_hash` and `text` are the piece's, other columns the text's own."""
    found = cut(texts, chunks, tokenizer, path).drop("index")
    joined = texts.drop("text").join(found, "text_hash").drop("text_hash")
    return joined.withColumnsRenamed({"piece_hash": "text_hash", "piece": "text"})
