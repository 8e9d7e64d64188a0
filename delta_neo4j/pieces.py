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

_CUT = "text_hash STRING, count INT, index INT, piece STRING"


@dataclass(frozen=True)
class Cutter:
    """The function of `mapInArrow` that cuts; `tokenizer` is the tokenizer's own JSON, which travels with it."""

    tokenizer: str
    tokens: int
    overlap: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Turn (`text_hash`, `text`) into (`text_hash`, `count` of its pieces, `index`, `piece`)."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer)
        for batch in batches:
            rows = []
            for key, text in zip(batch.column("text_hash").to_pylist(), batch.column("text").to_pylist(), strict=True):
                found = self.cut(tokenizer, text)
                rows += [(key, len(found), index, piece) for index, piece in enumerate(found)]
            kinds = {"text_hash": pa.string(), "count": pa.int32(), "index": pa.int32(), "piece": pa.string()}
            columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
            arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, names=list(kinds))

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

    Gives `text_hash`, `count`, `index`, `piece`, `piece_hash`: a row a piece of a text, each with the count of all, so
    that a lost one is missed.
    """
    distinct = texts.groupBy("text_hash").agg(F.first("text").alias("text"))
    found = distinct.mapInArrow(Cutter(tokenizer, chunks.tokens, chunks.overlap), _CUT)
    found = found.withColumn("piece_hash", F.sha2("piece", 256))
    found.write.mode("overwrite").parquet(path)
    return texts.sparkSession.read.schema(found.schema).parquet(path)


def as_texts(texts: DataFrame, chunks: Chunks, tokenizer: str, path: str) -> DataFrame:
    """Give the pieces of `texts` as texts: `text_hash` and `text` are the piece's, other columns the text's own."""
    found = cut(texts, chunks, tokenizer, path).drop("count", "index")
    joined = texts.drop("text").join(found, "text_hash").drop("text_hash")
    return joined.withColumnsRenamed({"piece_hash": "text_hash", "piece": "text"})
